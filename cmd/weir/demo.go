package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-kafka/weir/cmd/weir/internal/demo"
)

func demoCmd() *cobra.Command {
	o := demo.Options{Parts: parts()}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it run: an embedded Kafka, a service with a real capacity, and what goes wrong",
		Long: "Starts an embedded Kafka, a producer, an HTTP service with a real capacity and a pipeline between them.\n" +
			"Then the service becomes ten times slower, refuses with 503 and Retry-After, heals, and a second member\n" +
			"comes and goes. At the end the demo compares what was produced with what arrived, and exits 1 if anything\n" +
			"was lost or out of order.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out, o.Err = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if err := o.Check(); err != nil {
				return usageError{err}
			}
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().DurationVar(&o.For, "for", time.Minute, "how long to produce; draining comes on top")
	cmd.Flags().StringVar(&o.Output, "output", "text", "text, or json: one JSON object last on standard output")
	return cmd
}
