package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-kafka/weir/consumer"
)

func explainCmd() *cobra.Command {
	var address, output string
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Ask a running pipeline what it does and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", output, "table", "json"); err != nil {
				return err
			}
			r, err := ask(cmd.Context(), strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/"))
			if err != nil {
				return err
			}
			if output == "json" {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(r)
			}
			return explainTable(cmd.OutOrStdout(), r)
		},
	}
	cmd.Flags().StringVar(&address, "address", "127.0.0.1:9644", "admin address of the pipeline")
	cmd.Flags().StringVar(&output, "output", "table", "table or json")
	return cmd
}

func ask(ctx context.Context, address string) (*consumer.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/explain", nil)
	if err != nil {
		return nil, usageError{fmt.Errorf("--address %q: write host:port", address)}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("nobody answers at %s: is a pipeline running, and is this its admin.listen?", address)
	}
	defer func() { _ = resp.Body.Close() }()
	var r consumer.Report
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&r); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("what answers at %s (%s) is not a pipeline", address, resp.Status)
	}
	return &r, nil
}

func explainTable(out io.Writer, r *consumer.Report) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	member := "member " + r.Member
	if r.Member == "" {
		member = "not yet a member"
	}
	_, _ = fmt.Fprintf(w, "%s\tgroup %s\t%s\n", r.Name, r.Group, member)
	_, _ = fmt.Fprintf(w, "state\t%s\t%s\n", r.State, reasons(r.Reasons))
	_, _ = fmt.Fprintf(w, "held\t%s of %s\t%d records\n", mib(r.HeldBytes), mib(r.BudgetBytes), r.HeldRecords)
	_, _ = fmt.Fprintf(w, "duplicates if killed\t%d\t\n\n", r.DuplicatesIfKilled)
	_, _ = fmt.Fprintln(w, "SINK\tLIMIT\tIN FLIGHT\tQUEUED\tWAIT\tP50\tP99\tREASON")
	for _, s := range r.Sinks {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", s.Name, limited(&s), s.InFlight, s.Queued,
			s.Wait.Round(time.Millisecond), s.P50.Round(time.Microsecond), s.P99.Round(time.Microsecond), s.Reason)
	}
	_, _ = fmt.Fprintln(w, "\nPARTITION\tSTATE\tREASONS\tLAG\tOLDEST\tAGE\tLANES BUSY\tHELD\tDONE BEYOND\tDUPLICATES")
	for _, p := range r.Partitions {
		_, _ = fmt.Fprintf(w, "%s/%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%d\t%d\n", p.Topic, p.Partition, p.State, reasons(p.Reasons), known(p.Lag), known(p.Oldest),
			p.OldestAge.Round(time.Millisecond), p.LanesBusy, mib(p.HeldBytes), p.DoneBeyond, p.DuplicatesIfKilled)
	}
	if len(r.Tenants) > 0 {
		_, _ = fmt.Fprintln(w, "\nTENANT\tHELD\tRECORDS\tIN FLIGHT\tWAITS")
	}
	for _, t := range r.Tenants {
		waits := t.Waits
		if waits == "" {
			waits = "-"
		}
		_, _ = fmt.Fprintf(w, "%q\t%s\t%d\t%d\t%s\n", t.Name, mib(t.HeldBytes), t.HeldRecords, t.InFlight, waits)
	}
	return w.Flush()
}

// limited shows the limit of a sink, and where an adaptive one would go from it.
func limited(s *consumer.SinkReport) string {
	if s.Shadow == 0 {
		return strconv.Itoa(s.Limit)
	}
	return fmt.Sprintf("%d (adaptive: %d)", s.Limit, s.Shadow)
}

func reasons(rs []string) string {
	if len(rs) == 0 {
		return "-"
	}
	return strings.Join(rs, ", ")
}

// known shows a number that is -1 while it is not known.
func known(n int64) string {
	if n < 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
