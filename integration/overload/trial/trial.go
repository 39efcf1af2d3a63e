// Package trial puts a server under many times its load, twice: as it is, and
// behind a door. The server and the load generator are processes of their own,
// the program itself run again; everything stays on the loopback interface and
// ends by itself.
//
// What is tried is given as a [Subject]; the load, the measuring and the table
// are the same for every protocol.
package trial

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Answer is what a call came to.
type Answer int

// What a call can come to.
const (
	Served  Answer = iota
	Refused        // and told when to come again
	Bare           // refused and told nothing
	Failed         // no answer in time, or no connection
	answers
)

// Subject is a server and a client of one protocol.
type Subject struct {
	Name string
	// ServeFunc serves on ln until ctx ends. Each request is one call of work,
	// which waits for a worker; guarded puts a door in front of it.
	ServeFunc func(ctx context.Context, ln net.Listener, work func(), guarded bool) error
	// DialFunc returns what makes one call.
	DialFunc func(addr string) (call func(ctx context.Context) Answer, err error)
}

// Config is how a trial runs.
type Config struct {
	Workers  int           // requests at work at once
	Work     time.Duration // of each
	Over     float64       // load in multiples of what the workers can do
	Unloaded time.Duration // length of the phase at half load
	Warm     time.Duration // of full load that is not measured
	Measure  time.Duration // of full load that is
	Patience time.Duration // of a client
}

// Capacity is what the workers can do in a second.
func (c Config) Capacity() float64 { return float64(c.Workers) / c.Work.Seconds() }

// Short is a trial for a test: about 12 seconds for both sides.
func Short() Config {
	return Config{
		Workers: 8, Work: 80 * time.Millisecond, Over: 10,
		Unloaded: 1500 * time.Millisecond, Warm: 2 * time.Second, Measure: 2 * time.Second, Patience: time.Second,
	}
}

// Long is a trial for the gate: about a minute.
func Long() Config {
	c := Short()
	c.Unloaded, c.Warm, c.Measure = 5*time.Second, 8*time.Second, 12*time.Second
	return c
}

// Main is a whole program around a subject.
func Main(s Subject) {
	if Role(s) {
		return
	}
	c := Long()
	gate := flag.Bool("gate", false, "fail unless p99 of accepted is within 2x of unloaded, goodput at least 0.9 of capacity, memory flat, every refusal with its time to come again")
	flag.Float64Var(&c.Over, "over", c.Over, "load in multiples of the capacity")
	flag.IntVar(&c.Workers, "workers", c.Workers, "requests the server works at")
	flag.DurationVar(&c.Work, "work", c.Work, "how long each takes")
	flag.DurationVar(&c.Measure, "time", c.Measure, "how long each side is measured")
	flag.Parse()
	r, err := Run(context.Background(), s, c)
	if err == nil {
		r.Print(os.Stdout)
		if *gate {
			err = r.Gate()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "overload:", err)
		os.Exit(1)
	}
}

// roleVar tells a process that it is a part of a trial.
const roleVar = "WEIR_OVERLOAD_ROLE"

// Role plays the part that the environment gives this process, if any. It is
// called first by main, and by TestMain.
func Role(s Subject) bool {
	var err error
	switch os.Getenv(roleVar) {
	case "":
		return false
	case "server":
		err = serve(s, os.Stdin, os.Stdout)
	case "load":
		err = load(s, os.Stdin, os.Stdout)
	default:
		err = errors.New("unknown role")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "overload: %s: %v\n", os.Getenv(roleVar), err)
		os.Exit(1)
	}
	return true
}

// Run tries both sides, one after the other.
func Run(ctx context.Context, s Subject, c Config) (*Result, error) {
	r := &Result{Name: s.Name, Config: c}
	for _, guarded := range []bool{false, true} {
		into := &r.Without
		if guarded {
			into = &r.With
		}
		if err := runSide(ctx, c, guarded, into); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// runSide starts a server, loads it a little and then too much.
func runSide(ctx context.Context, c Config, guarded bool, into *Side) error {
	srv, err := start(ctx, "server", order{Config: c, Guarded: guarded})
	if err != nil {
		return err
	}
	defer func() { _ = srv.end() }() // what it had to say was read
	var at place
	if err := srv.read(&at); err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	half := order{Config: c, Addr: at.Addr, Rate: c.Capacity() / 2, Measure: c.Unloaded, Warm: c.Unloaded / 5}
	full := order{Config: c, Addr: at.Addr, Rate: c.Capacity() * c.Over, Measure: c.Measure, Warm: c.Warm}
	for _, phase := range []struct {
		order
		load   *Load
		memory *Memory
	}{{half, &into.Unloaded, &into.Before}, {full, &into.Loaded, &into.During}} {
		gen, err := start(ctx, "load", phase.order)
		if err != nil {
			return err
		}
		err = errors.Join(gen.read(phase.load), gen.end())
		if err != nil {
			return fmt.Errorf("loading: %w", err)
		}
		if err := errors.Join(srv.write("peak"), srv.read(phase.memory)); err != nil {
			return fmt.Errorf("asking the server: %w", err)
		}
	}
	return nil
}

// order is what a process is told on its standard input.
type order struct {
	Config  Config
	Guarded bool
	Addr    string
	Rate    float64
	Warm    time.Duration
	Measure time.Duration
}

type place struct{ Addr string }

// serve is the server process: it ends when its standard input does.
func serve(s Subject, in io.Reader, out io.Writer) error {
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	var o order
	if err := dec.Decode(&o); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.ServeFunc(ctx, ln, workers(o.Config), o.Guarded) }()
	meter := newMeter(ctx)
	if err := enc.Encode(place{ln.Addr().String()}); err != nil {
		return err
	}
	for {
		var ask string
		if err := dec.Decode(&ask); err != nil {
			return nil // whoever started it has finished, or is gone: nothing to drain for
		}
		select {
		case err := <-ended:
			return err
		default:
		}
		if err := enc.Encode(meter.peak()); err != nil {
			return err
		}
	}
}

// workers returns the work of a request: it waits in line for one of the workers,
// and keeps it for its time, whether somebody still wants the answer or not, as
// servers do.
func workers(c Config) func() {
	free := make(chan struct{}, c.Workers)
	return func() {
		free <- struct{}{} // first come first served: so the runtime wakes them
		time.Sleep(c.Work)
		<-free
	}
}
