package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func rootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Move records from Kafka through handlers to sinks that are sometimes slow, broken or full",
		Long: "Weir moves records from Kafka through handlers to sinks that are sometimes slow, broken or full.\n" +
			"It drops no record, keeps each key in order and stays within its memory budget.\n\n" +
			"Start with: weir demo",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(demoCmd(), runCmd(), lintCmd(), benchCmd(), explainCmd(), listCmd(), brokerCmd(), simCmd(), docsCmd(), versionCmd())
	return root
}

// oneFile is the argument rule of verbs that take a pipeline file.
func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{errOneFile}
	}
	return nil
}

// oneOf checks a flag that knows a few values.
func oneOf(flag, got string, known ...string) error {
	if slices.Contains(known, got) {
		return nil
	}
	return usageError{fmt.Errorf("%s %q is not %s", flag, got, strings.Join(known, " or "))}
}
