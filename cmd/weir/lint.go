package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-kafka/weir/cmd/weir/internal/pipeline"
)

var errLint = errors.New("the checks found problems")

func lintCmd() *cobra.Command {
	var set []string
	var live, show bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "lint FILE",
		Short: "Check a pipeline file; with --live also against its cluster and sinks",
		Args:  oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := load(args[0], set)
			if err != nil {
				return err
			}
			p, err := f.Pipeline(nil)
			if err != nil {
				return err
			}
			defer func() { _ = pipeline.Close(p) }()
			out := cmd.OutOrStdout()
			if show {
				_, _ = fmt.Fprint(out, f.YAML())
				out = cmd.ErrOrStderr()
			}
			warnings, well := f.Warnings(), "no problems"
			for _, w := range warnings {
				_, _ = fmt.Fprintln(out, "warning:", w)
			}
			if n := len(warnings); n > 0 {
				well = fmt.Sprintf("no errors, warnings: %d", n)
			}
			if !live {
				_, _ = fmt.Fprintln(out, args[0]+": "+well)
				return nil
			}
			problems := lintLive(cmd.Context(), f, p, wait)
			for _, text := range problems {
				_, _ = fmt.Fprintln(out, args[0]+": "+f.Mask(text))
			}
			if len(problems) > 0 {
				return errLint
			}
			_, _ = fmt.Fprintln(out, args[0]+": "+well+", cluster and sinks answer")
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "set a value over file and environment, as path=value; may be repeated")
	cmd.Flags().BoolVar(&show, "print", false, "print on standard output what is in force after all layers, without secrets")
	cmd.Flags().BoolVar(&live, "live", false, "also check topics, dead-letter topic, group and permissions on the cluster, and whether sinks answer")
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Second, "how long --live waits for the cluster, and then for the sinks")
	return cmd
}
