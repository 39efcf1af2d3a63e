// Command bench measures what Weir costs and what it gains, beside the raw client and
// beside what a team would use instead.
//
// Every subject and the broker is a process of its own. Two that are compared run in
// turn, in pieces of a fraction of a second, and the first one again as the control:
// a machine that is not quiet enough for the control to come out as one, within 3 %,
// makes the row void, which is neither passed nor failed.
//
// Run it in its folder. The rows of a real Kafka need -kafka, which starts one in a
// container, or -brokers; their peers are built by Maven in jvm and with a C compiler in
// confluent. What is not there is left out, and the report says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		l        lab
		role     = flag.String("subject", "", "be the subject that this specification describes")
		serving  = flag.String("serve", "", "be the broker that this specification describes")
		answers  = flag.String("answer", "", "be the HTTP services that this specification describes")
		produces = flag.String("produce", "", "be the producer that this specification describes")
		only     = flag.String("only", "", "workloads to run, by the beginning of their names, with commas between; all without it")
		brokers  = flag.String("brokers", "", "brokers of a real Kafka for the rows that need one, with commas between; topics are made and filled there")
		kafka    = flag.Bool("kafka", false, "start a real Kafka in a container for them")
		report   = flag.String("report", "", "write the report and its plots beside this file")
		gate     = flag.Bool("gate", false, "fail when a count misses its bound; ratios of times are shown")
	)
	flag.DurationVar(&l.budget, "time", 20*time.Second, "how long one comparison may take at most")
	flag.DurationVar(&l.each, "each", 200*time.Millisecond, "length of a piece that is measured")
	flag.Parse()
	switch {
	case *role != "":
		return subject(*role)
	case *serving != "":
		return serve(*serving)
	case *produces != "":
		return producing(*produces)
	case *answers != "":
		return answer(*answers)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer l.real(*brokers, *kafka)()
	begun := time.Now()
	results, err := l.all(ctx, *only)
	print(os.Stdout, results)
	if *report != "" { // of what was measured before an error too
		err = errors.Join(err, writeReport(*report, results, time.Since(begun)))
	}
	if err != nil {
		return err
	}
	if missed := missed(results); *gate && len(missed) > 0 {
		return fmt.Errorf("missed: %s", strings.Join(missed, ", "))
	}
	return nil
}
