package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/consumer"
)

//go:generate sh -c "go run . docs config > ../../docs/config.md"
//go:generate sh -c "go run . docs metrics > ../../docs/metrics.md"

func listCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the handlers and sinks that a file can name",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", output, "table", "json"); err != nil {
				return err
			}
			all := map[string]map[string]string{"handlers": {}, "sinks": {}}
			p := parts()
			for name, h := range p.Handlers {
				all["handlers"][name] = h.Doc
			}
			for name, s := range p.Sinks {
				all["sinks"][name] = s.Doc
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			for _, group := range []string{"handlers", "sinks"} {
				_, _ = fmt.Fprintln(w, group)
				for _, name := range slices.Sorted(maps.Keys(all[group])) {
					_, _ = fmt.Fprintf(w, "  %s\t%s\n", name, all[group][name])
				}
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&output, "output", "table", "table or json")
	return cmd
}

const metricsHead = "# Metrics\n\nServed at `/metrics` of the admin listener, beside those of the Go runtime and the process. Labels are bounded: sinks, verdicts, states and\n" +
	"the partitions that are assigned, never a key or an error.\n\n" +
	"Processor: `process_cpu_seconds_total`, and `go_sched_latencies_seconds`, how long goroutines wait for a thread. Memory: `process_resident_memory_bytes`, and\n" +
	"`go_gc_heap_live_bytes` of `go_gc_gomemlimit_bytes`. By these waits and this share `/readyz` knows local overload. The share of writes that a sink has no room for is\n" +
	"the rate of `weir_write_calls_total{verdict=\"overload\"}` over that of all.\n\n"

var errPage = errors.New("name a page: config or metrics")

func docsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "docs", Short: "Print generated reference pages as Markdown", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		return usageError{errPage}
	}}
	cmd.AddCommand(
		&cobra.Command{Use: "config", Short: "Every key of a pipeline file", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return config.Reference(cmd.OutOrStdout(), parts())
		}},
		&cobra.Command{Use: "metrics", Short: "Every metric", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := io.WriteString(cmd.OutOrStdout(), metricsHead); err != nil {
				return err
			}
			return consumer.MetricsReference(cmd.OutOrStdout())
		}},
	)
	return cmd
}

func versionCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", output, "text", "json"); err != nil {
				return err
			}
			v := map[string]string{"version": "(devel)", "go": "", "revision": ""}
			if bi, ok := debug.ReadBuildInfo(); ok {
				v["go"] = bi.GoVersion
				if bi.Main.Version != "" {
					v["version"] = bi.Main.Version
				}
				for _, s := range bi.Settings {
					if s.Key == "vcs.revision" {
						v["revision"] = s.Value
					}
				}
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			if v["revision"] == "" {
				v["revision"] = "-"
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "weir %s %s %s\n", v["version"], v["revision"], v["go"])
			return err
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}
