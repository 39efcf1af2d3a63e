package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-kafka/weir/flow/flowtest"
)

type simFlags struct {
	sets, scenarios, algorithms []string
	seed                        uint64
	random, workers             int
	output, plot, replay, gate  string
}

func simCmd() *cobra.Command {
	var f simFlags
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Judge limiters on simulated sinks, or replay the trace of a real one",
		Long: "Judge limiters on simulated sinks in virtual time, against an oracle that knows the best limit.\n" +
			"A score is goodput over the oracle's, less what is due to a worse 99th percentile of latency; 1 is the oracle.\n" +
			"With --replay, show the calls recorded from a real sink to the limiters and print what they would have set.\n" +
			"The limiters see what was recorded, not what their own limit would have done to the sink.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout()) },
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.sets, "set", []string{"named", "random", "fleet"}, "sets of scenarios")
	fl.StringSliceVar(&f.scenarios, "scenario", nil, "only the scenarios whose id begins so")
	fl.StringSliceVar(&f.algorithms, "algorithm", nil, "only these; all if none is given")
	fl.Uint64Var(&f.seed, "seed", 1, "fixes every draw")
	fl.IntVar(&f.random, "random", 200, "how many random scenarios")
	fl.IntVar(&f.workers, "workers", 2, "scenarios at a time")
	fl.StringVar(&f.output, "output", "table", "table or json")
	fl.StringVar(&f.gate, "gate", "", "fail when this algorithm misses what a limiter must reach; needs a seed that nothing was chosen on")
	fl.StringVar(&f.plot, "plot", "", "draw the one scenario that is left to this SVG file")
	fl.StringVar(&f.replay, "replay", "", `a trace, lines like {"t":1.5,"latency":0.1,"kind":"done","work":100,"in_flight":8}`)
	return cmd
}

func (f *simFlags) run(w io.Writer) error {
	algorithms, err := f.chosen()
	if err != nil {
		return err
	}
	if f.output != "table" && f.output != "json" {
		return usageError{fmt.Errorf("--output %s: want table or json", f.output)}
	}
	if f.gate != "" && algorithms[f.gate] == nil {
		return usageError{fmt.Errorf("--gate %s: is not among those judged", f.gate)}
	}
	if f.replay != "" {
		return f.runReplay(w, algorithms)
	}
	scenarios, err := f.drawn()
	if err != nil {
		return err
	}
	j := &flowtest.Judge{Workers: f.workers}
	if f.plot != "" {
		return f.runPlot(j, scenarios, algorithms)
	}
	report := flowtest.NewReport(j.Scores(scenarios, algorithms))
	if f.output == "json" {
		err = json.NewEncoder(w).Encode(report)
	} else {
		err = report.WriteTable(w)
	}
	return errors.Join(err, f.missed(report))
}

// missed is the verdict of --gate.
func (f *simFlags) missed(report flowtest.Report) error {
	if f.gate == "" {
		return nil
	}
	if miss := report.Missed(f.gate); len(miss) > 0 {
		return fmt.Errorf("%s misses, with --seed %d: %s", f.gate, f.seed, strings.Join(miss, "; "))
	}
	return nil
}

func (f *simFlags) chosen() (map[string]flowtest.Maker, error) {
	all := flowtest.Algorithms()
	if len(f.algorithms) == 0 {
		return all, nil
	}
	out := map[string]flowtest.Maker{}
	for _, name := range f.algorithms {
		if all[name] == nil {
			known := strings.Join(slices.Sorted(maps.Keys(all)), ", ")
			return nil, usageError{fmt.Errorf("--algorithm %s: unknown, want one of %s", name, known)}
		}
		out[name] = all[name]
	}
	return out, nil
}

func (f *simFlags) drawn() ([]flowtest.Scenario, error) {
	var all []flowtest.Scenario
	for _, set := range f.sets {
		switch set {
		case "named":
			all = append(all, flowtest.Named(f.seed)...)
		case "random":
			all = append(all, flowtest.Random(f.seed, f.random)...)
		case "fleet":
			all = append(all, flowtest.Fleets(f.seed)...)
		default:
			return nil, usageError{fmt.Errorf("--set %s: want named, random or fleet", set)}
		}
	}
	if len(f.scenarios) > 0 {
		all = slices.DeleteFunc(all, func(sc flowtest.Scenario) bool {
			return !slices.ContainsFunc(f.scenarios, func(id string) bool { return strings.HasPrefix(sc.ID, id) })
		})
	}
	if len(all) == 0 {
		return nil, usageError{errors.New("no scenario is left: see --set and --scenario")}
	}
	return all, nil
}

func (f *simFlags) runPlot(j *flowtest.Judge, scenarios []flowtest.Scenario, algorithms map[string]flowtest.Maker) error {
	if len(scenarios) != 1 {
		return usageError{fmt.Errorf("--plot draws one scenario, --scenario leaves %d", len(scenarios))}
	}
	var curves []flowtest.Curve
	for _, name := range slices.Sorted(maps.Keys(algorithms)) {
		curves = append(curves, flowtest.Curve{Name: name, Result: flowtest.Run(&scenarios[0], algorithms[name])})
	}
	file, err := os.Create(f.plot)
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	err = flowtest.Plot(file, &scenarios[0], j.Oracle(&scenarios[0]), curves)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	return nil
}

func (f *simFlags) runReplay(w io.Writer, algorithms map[string]flowtest.Maker) error {
	file, err := os.Open(f.replay)
	if err != nil {
		return fmt.Errorf("replaying: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	calls, err := flowtest.ReadTrace(file)
	if err != nil {
		return fmt.Errorf("%s: %w", f.replay, err)
	}
	replays := map[string][]flowtest.ReplayStep{}
	for name, m := range algorithms {
		replays[name] = flowtest.Replay(calls, m)
	}
	if f.output == "json" {
		return json.NewEncoder(w).Encode(replays)
	}
	return flowtest.WriteReplay(w, replays)
}
