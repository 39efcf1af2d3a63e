package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// lintLive asks the cluster, and then the sinks, each for as long as wait. It
// changes nothing there.
func lintLive(ctx context.Context, f *config.File, p consumer.Pipeline, wait time.Duration) []string {
	asked, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	cl, err := connect(asked, f.Consumer.Kafka, wait)
	if err != nil {
		return []string{err.Error()}
	}
	defer cl.Close()
	l := &live{cl: cl, file: f, wait: wait}
	l.topics(asked)
	l.group(asked, f.Consumer.Kafka.Group)
	if len(l.problems) == 0 { // a sink whose topic is missing would only say so again
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		l.sinks(ctx, p)
	}
	return l.problems
}

// connect returns a client once a broker has answered it. ctx ends after wait.
func connect(ctx context.Context, k consumer.KafkaConfig, wait time.Duration) (*kgo.Client, error) {
	opts, err := k.ClientOptions()
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	if err := cl.Ping(ctx); err != nil {
		cl.Close()
		return nil, fmt.Errorf("kafka.brokers: no broker of %s answers within %s: %w", strings.Join(k.Brokers, ", "), wait, err)
	}
	return cl, nil
}

// live gathers what is wrong on the cluster.
type live struct {
	cl       *kgo.Client
	file     *config.File
	wait     time.Duration
	problems []string
}

func (l *live) fail(path, format string, args ...any) {
	l.problems = append(l.problems, path+": "+fmt.Sprintf(format, args...))
}

// topics checks that every topic is there and may be used.
func (l *live) topics(ctx context.Context) {
	there := l.sources(ctx)
	if there == nil {
		return
	}
	for at, t := range l.file.Topics() {
		l.topic(there, at+".kafka.topic", t, kmsg.ACLOperationWrite)
	}
	slices.Sort(l.problems)
}

// sources checks the topics that are consumed. It returns those of the cluster, nil if
// it does not say.
func (l *live) sources(ctx context.Context) map[string]kmsg.MetadataResponseTopic {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	resp, err := req.RequestWith(ctx, l.cl)
	if err != nil {
		l.fail("kafka.topics", "%v", err)
		return nil
	}
	there := map[string]kmsg.MetadataResponseTopic{}
	for _, t := range resp.Topics {
		if t.Topic != nil && (t.ErrorCode == 0 || !errors.Is(kerr.ErrorForCode(t.ErrorCode), kerr.UnknownTopicOrPartition)) {
			there[*t.Topic] = t
		}
	}
	for _, t := range l.file.Consumer.Kafka.Topics {
		l.topic(there, "kafka.topics", t, kmsg.ACLOperationRead)
	}
	l.pattern(there)
	return there
}

func (l *live) topic(there map[string]kmsg.MetadataResponseTopic, path, name string, need kmsg.ACLOperation) {
	t, ok := there[name]
	switch {
	case !ok:
		mend := "create it, or allow this user to describe it"
		if near := config.Nearest(name, slices.Sorted(maps.Keys(there))); near != "" {
			mend = fmt.Sprintf("did you mean %s?", near)
		}
		l.fail(path, "topic %q does not exist; %s", name, mend)
	case t.ErrorCode != 0:
		l.fail(path, "topic %q: %v", name, kerr.ErrorForCode(t.ErrorCode))
	default: // a cluster that is too old to tell lists no operation, and is believed
		if have := kadm.DecodeACLOperations(t.AuthorizedOperations); len(have) > 0 && !slices.Contains(have, need) {
			l.fail(path, "this user may not %s topic %q; allow the operation %s", strings.ToLower(need.String()), name, need)
		}
	}
}

func (l *live) pattern(there map[string]kmsg.MetadataResponseTopic) {
	pattern := l.file.Consumer.Kafka.Pattern
	re, err := regexp.Compile(pattern)
	if pattern == "" || err != nil {
		return
	}
	matched := false
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if re.MatchString(name) && !there[name].IsInternal {
			matched = true
			l.topic(there, "kafka.pattern", name, kmsg.ACLOperationRead)
		}
	}
	if !matched {
		l.fail("kafka.pattern", "%q matches none of the %d topics that this user may see", pattern, len(there))
	}
}

// group checks that the group is one of consumers and may be joined.
func (l *live) group(ctx context.Context, group string) {
	g, err := l.describe(ctx, group)
	switch {
	case kerr.IsRetriable(err):
		code, _ := errors.AsType[*kerr.Error](err)
		l.fail("kafka.group", "group %q has no coordinator within %s: %v; a fresh cluster creates the topic __consumer_offsets first: "+
			"give it time with --wait, or see in the brokers' logs whether offsets.topic.replication.factor asks for more brokers than there are", group, l.wait, code)
		return
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		l.fail("kafka.group", "this user may not describe group %q; allow the operation READ", group)
		return
	case err != nil && !errors.Is(err, kerr.GroupIDNotFound): // it may well not exist yet
		l.fail("kafka.group", "%s: %v", group, err)
		return
	}
	if t := g.ProtocolType; t != "" && t != "consumer" {
		l.fail("kafka.group", "%q is not a group of consumers but of protocol %q; choose another", group, t)
	}
	// A heartbeat of a member that does not exist changes nothing, needs what a join
	// needs, and works for a group that does not exist.
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = group, "weir-lint", -1
	resp, err := req.RequestWith(ctx, l.cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if errors.Is(err, kerr.GroupAuthorizationFailed) {
		l.fail("kafka.group", "this user may not read group %q; allow the operation READ", group)
	}
}

// askAgain is how long to wait after an answer that may soon be another.
const askAgain = 250 * time.Millisecond

// describe asks for the group until the answer is final: before the first group of
// a cluster has a coordinator a topic is created, which takes seconds.
func (l *live) describe(ctx context.Context, group string) (g kadm.DescribedGroup, err error) {
	for {
		gs, e := kadm.NewClient(l.cl).DescribeGroups(ctx, group)
		if e == nil {
			g, e = gs[group], gs[group].Err
		}
		if ctx.Err() != nil && err != nil { // the answer before says more than that the time is up
			return g, err
		}
		if err = e; !kerr.IsRetriable(err) {
			return g, err
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return g, err
		}
	}
}

// sinks asks every sink that can answer.
func (l *live) sinks(ctx context.Context, p consumer.Pipeline) {
	ask := func(path string, o consumer.Output) {
		if s, ok := o.Sink.(sink.Pinger); ok {
			if err := s.Ping(ctx); err != nil {
				l.fail(path, "%v", err)
			}
		}
	}
	ask("sink", p.Sink)
	ask("failure.dead_letter", p.DeadLetter)
	for _, name := range slices.Sorted(maps.Keys(p.Routes)) {
		ask("sinks."+name, p.Routes[name])
	}
}
