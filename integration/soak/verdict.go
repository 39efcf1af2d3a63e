package main

import (
	"fmt"
	"time"

	"github.com/weir-kafka/weir/integration/checker"
)

// verdict prints what came of it, and returns whether it is as it must be.
func (s *soak) verdict(r *checker.Report, err error) bool {
	fmt.Print(r)
	bad := 0
	for _, n := range r.Classes {
		bad += n
	}
	if err != nil {
		bad++
		fmt.Println(err)
	}
	for _, what := range append(s.missed, unjudged(r)...) {
		bad++
		fmt.Println(what)
	}
	fmt.Printf("faults%s; all caught up %s after a restart of the broker at most; the writer waited %d times; at its slowest %.0f records a second of %.0f; %d samples failed; %s\n",
		s.faults.String(), s.faults.recovery.Round(100*time.Millisecond), s.load.rests.Load(), s.crawl.slowest, s.crawl.capacity, s.sampler.failed, s.sampler)
	slopes := ""
	for _, f := range s.sampler.fits() {
		fmt.Println(f)
		if f.grows() {
			bad++
			if more := s.sampler.grown(); f.name == "goroutines" && more != "" {
				fmt.Println("  more of them:", more)
			}
		}
		if f.name != "resident" {
			slopes += ", " + f.name + " " + f.hourly()
		}
	}
	fmt.Printf("soak: %s, %d deliveries, %d faults, %d joins, %d readings, slopes per hour: %s, %d violations\n",
		s.lasts, r.Figures["outcomes delivered"], s.faults.total(), r.Figures["joins"], readings(r), slopes[2:], bad)
	return bad == 0
}

// read is what is read of a process.
func read() []string {
	return []string{"readings of committed", "readings of lag", "readings of in flight"}
}

func readings(r *checker.Report) (n int64) {
	for _, what := range read() {
		n += r.Figures[what]
	}
	return n
}

// unjudged says what passes because there was nothing to judge it by.
func unjudged(r *checker.Report) (whats []string) {
	for _, what := range append(read(), "outcomes delivered", "commits", "joins", "samples") {
		if r.Figures[what] == 0 {
			whats = append(whats, "nothing is known: no "+what)
		}
	}
	return whats
}
