package bench

import (
	"fmt"

	"github.com/weir-kafka/weir/consumer"
)

// notes are what else must be known of the measurement.
type notes struct {
	*bench
	r   *Report
	all []string
}

func (n *notes) say(format string, args ...any) {
	n.all = append(n.all, n.File.Mask(fmt.Sprintf(format, args...)))
}

// write returns them.
func (n *notes) write() []string {
	n.all = []string{}
	n.window()
	n.rejected()
	if rated(n.live) && !n.Keep {
		n.say("the rate of a sink is left out with the sink")
	}
	if n.File.Consumer.Tenant.Rate != (consumer.Rate{}) {
		n.say("tenant.rate stays in force, and the pipeline is no quicker than that")
	}
	if n.r.Interrupted {
		n.say("interrupted: these are the rounds that were complete")
	}
	return n.all
}

// window says of which records it is.
func (n *notes) window() {
	s, w := &n.setup, n.setup.window
	switch {
	case w.whole && n.From == fromEarliest:
		n.say("the topics have only %d records: every segment goes over all of them again", w.records)
	case w.whole && n.From != fromLatest:
		n.say("the topics have only %d records of the last %s: every segment goes over all of them again", w.records, n.From)
	case w.whole:
		n.say("the topics have only %d records: every segment goes over all of them again", w.records)
	case w.records < n.Records:
		n.say("each segment has %d records, not %d: --for %s allows no more", w.records, n.Records, n.For)
	}
	if s.warm == 0 {
		n.say("a segment comes with fewer than %d fetches, too few to warm up with: it is measured from its first fetch", fewFetches)
	}
	if part := w.bytes / int64(w.used()); !w.whole && part < int64(s.size.partition) {
		n.say("a segment has %d KiB of each partition, less than one fetch: both sides also fetch what lies behind it, so CPU a record is too high on both", part>>10)
	}
}

// rejected says what weir run would have done with what was rejected.
func (n *notes) rejected() {
	rejected, c := n.r.Rejected.Records, &n.File.Consumer
	if rejected == 0 {
		return
	}
	n.say("%d of %d records were rejected, and not written to the dead letters; the first: %s", rejected, n.r.Records, n.r.Rejected.First)
	if !n.Keep && c.Attempts > 1 {
		n.say("each was tried once; weir run tries a record that may get better up to %d times, and waits in between", c.Attempts)
	}
	if n.live.DeadLetter.Sink == nil {
		n.say("weir run stops at the first of them: failure.dead_letter is not set")
	} else if share := float64(rejected) / float64(n.r.Records); share > c.DeadLetterRatio {
		n.say("that is %.0f %% of them: weir run would stop, because failure.dead_letter_ratio is %v; here it does not count", 100*share, c.DeadLetterRatio)
	}
}

// rated reports whether a sink has a rate.
func rated(p consumer.Pipeline) bool {
	for _, o := range p.Outputs() {
		if o.Rate != (consumer.Rate{}) {
			return true
		}
	}
	return false
}
