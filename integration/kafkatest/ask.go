package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreateTopic creates a topic with a replica on every node, and waits until each
// partition has a leader.
func (c *Cluster) CreateTopic(ctx context.Context, topic string, partitions int32, configs map[string]*string) error {
	if _, err := c.Admin().CreateTopic(ctx, partitions, int16(len(c.Nodes)), configs, topic); err != nil {
		return fmt.Errorf("kafkatest: create topic %s: %w", topic, err)
	}
	return eventually(ctx, func(ctx context.Context) error {
		d, err := c.Admin().ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		if len(d[topic].Partitions) != int(partitions) {
			return fmt.Errorf("%d of %d partitions", len(d[topic].Partitions), partitions)
		}
		for _, p := range d[topic].Partitions {
			if p.Leader < 0 {
				return fmt.Errorf("partition %d has no leader", p.Partition)
			}
		}
		return nil
	})
}

// Leader returns the node that leads a partition.
func (c *Cluster) Leader(ctx context.Context, topic string, partition int32) (*Node, error) {
	return c.find(ctx, fmt.Sprintf("leader of %s/%d", topic, partition), func(ctx context.Context) (int32, error) {
		d, err := c.Admin().ListTopics(ctx, topic)
		if err != nil {
			return 0, err
		}
		p, ok := d[topic].Partitions[partition]
		if !ok {
			return 0, errors.New("no such partition")
		}
		return p.Leader, p.Err
	})
}

// Coordinator returns the node that coordinates a group.
func (c *Cluster) Coordinator(ctx context.Context, group string) (*Node, error) {
	return c.find(ctx, "coordinator of "+group, func(ctx context.Context) (int32, error) {
		r := c.Admin().FindGroupCoordinators(ctx, group)[group]
		return r.NodeID, r.Err
	})
}

// Controller returns the node whose controller is the active one.
func (c *Cluster) Controller(ctx context.Context) (*Node, error) {
	return c.find(ctx, "controller", func(ctx context.Context) (int32, error) {
		req := kmsg.NewPtrDescribeQuorumRequest()
		t := kmsg.NewDescribeQuorumRequestTopic()
		t.Topic = "__cluster_metadata"
		t.Partitions = []kmsg.DescribeQuorumRequestTopicPartition{kmsg.NewDescribeQuorumRequestTopicPartition()}
		req.Topics = append(req.Topics, t)
		resp, err := req.RequestWith(ctx, c.client)
		if err != nil {
			return 0, err
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return 0, errors.New("the quorum is not described")
		}
		return resp.Topics[0].Partitions[0].LeaderID, nil
	})
}

func (c *Cluster) find(ctx context.Context, what string, ask func(context.Context) (int32, error)) (found *Node, err error) {
	err = eventually(ctx, func(ctx context.Context) error {
		id, err := ask(ctx)
		if err != nil {
			return err
		}
		for _, n := range c.Nodes {
			if n.ID == id {
				found = n
				return nil
			}
		}
		return fmt.Errorf("node %d is not one of ours", id)
	})
	if err != nil {
		return nil, fmt.Errorf("kafkatest: %s: %w", what, err)
	}
	return found, nil
}

// Heal unpauses and starts whatever is not running and waits until all is up and
// every replica in sync.
func (c *Cluster) Heal(ctx context.Context) error {
	for _, n := range c.Nodes {
		state, err := n.state(ctx)
		switch {
		case err != nil:
		case state == "paused":
			err = n.Unpause(ctx)
		case state != "running":
			err = n.Start(ctx)
		}
		if err != nil {
			return err
		}
	}
	if err := c.AwaitUp(ctx); err != nil {
		return err
	}
	return c.AwaitInSync(ctx)
}

// AwaitUp waits until every node answers and knows all others.
func (c *Cluster) AwaitUp(ctx context.Context) error {
	for _, n := range c.Nodes {
		// A client of its own: others answer from what they have heard before.
		cl, err := kgo.NewClient(append(c.ClientOptions(), kgo.SeedBrokers(n.Addr))...)
		if err != nil {
			return err
		}
		err = eventually(ctx, func(ctx context.Context) error {
			req := kmsg.NewPtrMetadataRequest()
			req.Topics = []kmsg.MetadataRequestTopic{}
			resp, err := cl.SeedBrokers()[0].Request(ctx, req)
			if err != nil {
				return err
			}
			if got := len(resp.(*kmsg.MetadataResponse).Brokers); got != len(c.Nodes) {
				return fmt.Errorf("it knows %d of %d nodes", got, len(c.Nodes))
			}
			return nil
		})
		cl.Close()
		if err != nil {
			return fmt.Errorf("kafkatest: node %d is not up: %w", n.ID, err)
		}
	}
	return nil
}

// AwaitInSync waits until every replica of every partition is in sync.
func (c *Cluster) AwaitInSync(ctx context.Context) error {
	err := eventually(ctx, func(ctx context.Context) error {
		topics, err := c.Admin().ListTopicsWithInternal(ctx)
		if err != nil {
			return err
		}
		for _, t := range topics {
			for _, p := range t.Partitions {
				if p.Err != nil || len(p.ISR) != len(p.Replicas) {
					return fmt.Errorf("%s/%d: in sync %v of %v: %w", p.Topic, p.Partition, p.ISR, p.Replicas, p.Err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("kafkatest: not in sync: %w", err)
	}
	return nil
}

const (
	patience = 90 * time.Second // for a cluster on a busy machine
	askEvery = 100 * time.Millisecond
	askFor   = 5 * time.Second
)

// eventually asks until the answer is nil.
func eventually(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := time.NewTicker(askEvery)
	defer t.Stop()
	for {
		once, end := context.WithTimeout(ctx, askFor)
		err := ask(once)
		end()
		if err == nil {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return err
		}
	}
}
