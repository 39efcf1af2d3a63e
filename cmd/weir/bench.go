package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/cmd/weir/internal/bench"
	"github.com/weir-kafka/weir/cmd/weir/internal/pipeline"
	"github.com/weir-kafka/weir/config"
)

const benchLong = `Measures the pipeline of a file against a poll loop written by hand, on records of its own topics and
on its own brokers, in turn and many times: loop, pipeline, loop again. Each goes over the same records
with fetches of the same size. The loop looks at each record; the pipeline has its handlers, its order and
its memory. When the loop does not agree with itself the machine is too noisy, and the verdict is void.

Nothing of yours changes. The group of the file is neither joined nor committed to: the loop has none,
and the pipeline a temporary one, weir-bench- and something random, which is deleted at the end. Where
the cluster does not permit that it is said, and the group expires by itself. Its sinks are replaced by
ones that take everything, unless --sink says otherwise, and dead letters are counted, never written.

Give it a machine with nothing else on it, as near to the brokers as the pipeline will be.
Exit code 0 also when the verdict is void, 1 when nothing was measured, 2 for a file that is wrong.`

func benchCmd() *cobra.Command {
	var set []string
	var output string
	var o bench.Options
	cmd := &cobra.Command{
		Use:   "bench FILE",
		Short: "Measure a pipeline against a raw poll loop, on its own records",
		Long:  benchLong,
		Args:  oneFile,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := oneOf("--output", output, "table", "json"); err != nil {
				return err
			}
			if err := o.Check(); err != nil {
				return usageError{err}
			}
			if o.File, err = load(args[0], set); err != nil {
				return err
			}
			o.Err = cmd.ErrOrStderr()
			return measure(cmd.Context(), args[0], output, o, cmd.OutOrStdout())
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&set, "set", nil, "set a value over file and environment, as path=value; may be repeated")
	fl.StringVar(&o.From, "from", "earliest", "where the records begin: earliest, latest for the newest ones, or how long ago, such as 1h")
	fl.DurationVar(&o.For, "for", 30*time.Second, "how long to measure in all; what has begun may take 5s more")
	fl.Int64Var(&o.Records, "records", 0, "how many records a segment has at most; without it as many as --for allows, up to a million")
	fl.DurationVar(&o.Wait, "wait", 10*time.Second, "how long to wait for the cluster, and for a pipeline that does not go on")
	fl.StringVar(&o.Group, "group", "", "name of the temporary group, for users that may not use every name; no group may have it")
	fl.BoolVar(&o.Keep, "sink", false, "keep the sinks of the file: WRITES every record of a segment to them, again with every segment")
	fl.StringVar(&output, "output", "table", "table or json")
	return cmd
}

// measure measures, once the cluster answers and the topics are there.
func measure(ctx context.Context, path, output string, o bench.Options, out io.Writer) error {
	cl, err := sources(ctx, path, o)
	if err != nil {
		return err
	}
	defer cl.Close()
	if o.Keep {
		_, _ = fmt.Fprintf(o.Err, "weir bench: --sink: WRITES the records of a segment to the sinks of %s, again with every segment; dead letters are not written\n", path)
	}
	pipeline.LimitMemory(int64(o.File.Consumer.Memory))
	r, err := bench.Run(ctx, cl, o)
	var wrong config.Problems
	switch {
	case errors.As(err, &wrong):
		return wrong
	case err != nil:
		return fmt.Errorf("%s: %s", path, o.File.Mask(err.Error()))
	case output == "json":
		return r.WriteJSON(out)
	}
	return r.WriteTable(out)
}

// sources returns a client of the cluster that has the topics of the file.
func sources(ctx context.Context, path string, o bench.Options) (*kgo.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	cl, err := connect(ctx, o.File.Consumer.Kafka, o.Wait)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, o.File.Mask(err.Error()))
	}
	l := &live{cl: cl, file: o.File, wait: o.Wait}
	if l.sources(ctx); len(l.problems) == 0 {
		return cl, nil
	}
	cl.Close()
	for _, text := range l.problems[1:] {
		_, _ = fmt.Fprintln(o.Err, path+": "+o.File.Mask(text))
	}
	return nil, fmt.Errorf("%s: %s", path, o.File.Mask(l.problems[0]))
}
