package bench

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weir-kafka/weir/consumer"
)

// cluster is the user's, and what is made there for the time of the measurement.
type cluster struct {
	adm   *kadm.Client
	kafka consumer.KafkaConfig
	group string // temporary
	made  bool   // the group is there
	wait  time.Duration
}

// topics returns the topics that the pipeline consumes.
func (c *cluster) topics(ctx context.Context) ([]string, error) {
	if c.kafka.Pattern == "" {
		return slices.Sorted(slices.Values(c.kafka.Topics)), nil
	}
	re, err := regexp.Compile(c.kafka.Pattern)
	if err != nil {
		return nil, fmt.Errorf("kafka.pattern: %w", err)
	}
	all, err := c.adm.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	return slices.DeleteFunc(all.Names(), func(t string) bool { return !re.MatchString(t) }), nil
}

// spans returns what every partition of topics has behind from, as [Options] has it.
func (c *cluster) spans(ctx context.Context, topics []string, from string) ([]span, error) {
	ends, err := c.adm.ListCommittedOffsets(ctx, topics...)
	if err = errors.Join(err, ends.Error()); err != nil {
		return nil, fmt.Errorf("asking where topics end: %w", err)
	}
	begins, err := c.adm.ListStartOffsets(ctx, topics...)
	if ago, e := time.ParseDuration(from); e == nil {
		begins, err = c.adm.ListOffsetsAfterMilli(ctx, time.Now().Add(-ago).UnixMilli(), topics...)
	}
	if err = errors.Join(err, begins.Error()); err != nil {
		return nil, fmt.Errorf("asking where topics begin: %w", err)
	}
	var all []span
	for _, end := range ends.Offsets().Sorted() {
		s := span{topic: end.Topic, partition: end.Partition, from: end.At, to: end.At}
		if begin, ok := begins.Lookup(end.Topic, end.Partition); ok && begin.Offset >= 0 {
			s.from = min(begin.Offset, end.At)
		}
		all = append(all, s)
	}
	return all, nil
}

// free refuses a name that somebody's group has already: its offsets would be changed,
// and the group deleted at the end.
func (c *cluster) free(ctx context.Context) error {
	if c.group == c.kafka.Group {
		return fmt.Errorf("--group %q is the group of the pipeline, whose offsets must stay as they are; give a name that no group has", c.group)
	}
	has, err := c.adm.FetchOffsets(ctx, c.group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return c.refused(err)
	}
	groups, err := c.adm.ListGroups(ctx)
	if err != nil {
		return fmt.Errorf("listing groups: %w", err)
	}
	if _, there := groups[c.group]; there || len(has) > 0 {
		return fmt.Errorf("--group %q exists, and it would be deleted at the end; give a name that no group has", c.group)
	}
	return nil
}

// rewind commits the first offsets of the window on the temporary group. One that the
// member of the segment before has only just left may refuse that for a moment, and a
// fresh cluster knows no coordinator for some seconds.
func (c *cluster) rewind(ctx context.Context, w *window) error {
	var offsets kadm.Offsets
	for i := range w.shares {
		s := &w.shares[i]
		at := s.from
		if s.n == 0 {
			at = s.to
		}
		offsets.AddOffset(s.topic, s.partition, at, -1)
	}
	asking, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	var last error
	for {
		err := c.adm.CommitAllOffsets(asking, c.group, offsets)
		if err == nil {
			c.made = true
			return nil
		}
		if last == nil || asking.Err() == nil { // the answer before says more than that the time is up
			last = err
		}
		if asking.Err() != nil || final(err) {
			return c.refused(last)
		}
		pause(asking)
	}
}

// final reports whether asking again brings no other answer.
func final(err error) bool {
	var auth *kadm.AuthError
	return errors.As(err, &auth) || errors.Is(err, kerr.GroupAuthorizationFailed) || errors.Is(err, kerr.TopicAuthorizationFailed)
}

func (c *cluster) refused(err error) error {
	if final(err) && !errors.Is(err, kerr.TopicAuthorizationFailed) {
		return fmt.Errorf("this user may not use the temporary group %q: %w; allow it READ, and DELETE, on groups that begin with %s, "+
			"or give with --group a name that it may use and that no group has", c.group, err, groupPrefix)
	}
	return fmt.Errorf("setting the offsets of the temporary group %q: %w", c.group, err)
}

// remove deletes the temporary group. It returns why that did not succeed.
func (c *cluster) remove(ctx context.Context) error {
	if !c.made {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	for {
		resp, err := c.adm.DeleteGroup(ctx, c.group)
		if err == nil {
			err = resp.Err
		}
		if err == nil || errors.Is(err, kerr.GroupIDNotFound) {
			return nil
		}
		if ctx.Err() != nil || !errors.Is(err, kerr.NonEmptyGroup) && !kerr.IsRetriable(err) {
			return fmt.Errorf("the temporary group %q stays until the cluster lets its offsets expire: %w; "+
				"weir has DELETE on it where the cluster permits, or delete it by hand", c.group, err)
		}
		pause(ctx)
	}
}

const (
	groupPrefix  = "weir-bench-"
	removeWithin = 5 * time.Second
	askAgain     = 100 * time.Millisecond
)

func pause(ctx context.Context) {
	t := time.NewTimer(askAgain)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// names lists topics, and no more than a few.
func names(topics []string) string {
	const most = 4
	if len(topics) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(topics[:most], ", "), len(topics)-most)
	}
	return strings.Join(topics, ", ")
}
