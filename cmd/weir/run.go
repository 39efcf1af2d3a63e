package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-kafka/weir/cmd/weir/internal/pipeline"
	"github.com/weir-kafka/weir/config"
)

var errOneFile = errors.New("give one pipeline file, such as pipeline.yaml")

func runCmd() *cobra.Command {
	var set []string
	var trace string
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run the pipeline of a file until SIGINT or SIGTERM",
		Long: "Run the pipeline of a file until SIGINT or SIGTERM, then finish what was taken, commit it and leave.\n" +
			"A second signal ends at once. Exit code 0 after a clean end, 1 after a failure, 2 for a file that is wrong.",
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			f, err := load(args[0], set)
			if err != nil {
				return err
			}
			pipeline.LimitMemory(int64(f.Consumer.Memory))
			log := pipeline.Logger(f.Log, cmd.ErrOrStderr())
			for _, w := range f.Warnings() {
				log.Warn(w.String())
			}
			o := pipeline.Options{Logger: log}
			if trace != "" {
				file, e := os.Create(trace)
				if e != nil {
					return fmt.Errorf("trace: %w", e)
				}
				defer func() { err = errors.Join(err, file.Close()) }()
				o.Trace = file
			}
			return pipeline.Run(cmd.Context(), f, o)
		},
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "set a value over file and environment, as path=value; may be repeated")
	cmd.Flags().StringVar(&trace, "trace", "", "record each write to the main sink in this file, for weir sim --replay; it grows by 100 bytes a write")
	return cmd
}

// load reads a file with the values of --set over it.
func load(path string, set []string) (*config.File, error) {
	over := make(map[string]string, len(set))
	for _, s := range set {
		key, val, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--set %q: write path=value, such as kafka.group=orders", s)}
		}
		over[key] = val
	}
	return config.Load(path, parts(), config.WithOverrides(over))
}
