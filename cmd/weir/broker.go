package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kfake"
)

func brokerCmd() *cobra.Command {
	var listen, data string
	var topics []string
	var brokers int
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a small in-process Kafka for trying and testing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := brokerOptions(listen, data, topics, brokers)
			if err != nil {
				return usageError{err}
			}
			c, err := kfake.NewCluster(opts...)
			if err != nil {
				return brokerError(err)
			}
			defer c.Close()
			kept := "in memory only, gone with the process"
			if data != "" {
				kept = "kept in " + data
			}
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "weir broker: this is a simulated Kafka for trying and testing; its data is %s. Never run it in production.\n", kept)
			_, _ = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(c.ListenAddrs(), ","))
			<-cmd.Context().Done()
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:9092", "address of the first broker; the others take the ports behind it; port 0 takes free ones")
	cmd.Flags().StringArrayVar(&topics, "topic", nil, "topic to create, as name or name:partitions; may be repeated. Others are created when they are used")
	cmd.Flags().StringVar(&data, "data", "", "directory to keep the data in over restarts")
	cmd.Flags().IntVar(&brokers, "brokers", 1, "number of brokers")
	return cmd
}

func brokerOptions(listen, data string, topics []string, brokers int) ([]kfake.Opt, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("--listen %q: %w", listen, err)
	}
	if brokers < 1 {
		return nil, fmt.Errorf("--brokers %d: at least 1", brokers)
	}
	first, err := strconv.Atoi(port)
	if err != nil || first < 0 || first+brokers-1 > 65535 {
		return nil, fmt.Errorf("--listen %q: %d brokers need ports from 1 to 65535, or port 0", listen, brokers)
	}
	ports := make([]int, brokers)
	for i := range ports {
		if first > 0 {
			ports[i] = first + i
		}
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(brokers), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(4),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			_, p, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return net.Listen(network, net.JoinHostPort(host, p)) //nolint:noctx // the signature is given
		}),
		kfake.Ports(ports...),
	}
	if data != "" {
		opts = append(opts, kfake.DataDir(data), kfake.SyncWrites())
	}
	for _, t := range topics {
		name, n, found := strings.Cut(t, ":")
		count := 4
		if found {
			if count, err = strconv.Atoi(n); err != nil || count < 1 {
				return nil, fmt.Errorf("--topic %q: write name or name:partitions", t)
			}
		}
		opts = append(opts, kfake.SeedTopics(int32(count), name))
	}
	return opts, nil
}

// brokerError adds the mend of what most often goes wrong.
func brokerError(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("broker: %w; choose another --listen, 127.0.0.1:0 takes a free port", err)
	}
	return fmt.Errorf("broker: %w", err)
}
