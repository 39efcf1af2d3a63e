package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// lintLive asks the cluster and the sinks. It changes nothing there.
func lintLive(ctx context.Context, f *config.File, p consumer.Pipeline, wait time.Duration) []string {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	k := f.Consumer.Kafka
	opts, err := k.ClientOptions()
	if err != nil {
		return []string{err.Error()}
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return []string{err.Error()}
	}
	defer cl.Close()
	if err := cl.Ping(ctx); err != nil {
		return []string{fmt.Sprintf("kafka.brokers: no broker of %s answers within %s: %v", strings.Join(k.Brokers, ", "), wait, err)}
	}
	adm := kadm.NewClient(cl)
	problems := lintTopics(ctx, adm, k.Topics, f.DeadLetterTopic())
	problems = append(problems, lintGroup(ctx, adm, k.Group)...)
	for _, o := range p.Outputs() {
		if s, ok := o.Sink.(sink.Pinger); ok {
			if err := s.Ping(ctx); err != nil {
				problems = append(problems, "sink: "+err.Error())
			}
		}
	}
	return problems
}

func lintTopics(ctx context.Context, adm *kadm.Client, topics []string, dead string) (problems []string) {
	all, err := adm.ListTopics(ctx)
	if err != nil {
		return []string{"kafka.topics: " + err.Error()}
	}
	check := func(path, topic string) {
		if all.Has(topic) {
			return
		}
		text := fmt.Sprintf("%s: topic %q does not exist", path, topic)
		if near := similar(topic, all.Names()); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		problems = append(problems, text)
	}
	for _, t := range topics {
		check("kafka.topics", t)
	}
	if dead != "" {
		check("failure.dead_letter.kafka.topic", dead)
	}
	return problems
}

// similar returns a name that begins or ends as the wanted one does.
func similar(want string, names []string) string {
	i := slices.IndexFunc(names, func(n string) bool {
		return strings.EqualFold(n, want) || strings.HasPrefix(n, want) || strings.HasPrefix(want, n) || len(want) > 3 && strings.Contains(n, want[1:])
	})
	if i < 0 {
		return ""
	}
	return names[i]
}

func lintGroup(ctx context.Context, adm *kadm.Client, group string) []string {
	gs, err := adm.DescribeGroups(ctx, group)
	if err != nil {
		return []string{"kafka.group: " + err.Error()}
	}
	g, ok := gs[group]
	switch {
	case !ok || g.Err != nil && strings.Contains(g.Err.Error(), "GROUP_ID_NOT_FOUND"):
		return nil // it does not exist yet
	case g.Err != nil:
		return []string{fmt.Sprintf("kafka.group: %s: %v", group, g.Err)}
	case g.ProtocolType != "" && g.ProtocolType != "consumer":
		return []string{fmt.Sprintf("kafka.group: %s is not a consumer group but %q", group, g.ProtocolType)}
	}
	return nil
}
