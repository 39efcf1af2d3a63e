package main

import (
	"bytes"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// kind is what must become of a record.
type kind int

const (
	good   kind = iota // an effect
	poison             // refused by the service: a dead letter
	broken             // refused by the handler: a dead letter
)

// produced is a record as the broker has it.
type produced struct {
	*kgo.Record
	key  string
	n    int // in its key
	kind kind
}

// history is all that is known of a trial from outside the processes under test.
type history struct {
	records []produced // in order within each key
	effects []effect   // in order
	dead    []letter
	bound   int64 // duplicates that the killed processes said they would cause
}

// letter is a dead letter.
type letter struct {
	key       string
	n         int
	value     []byte
	partition int32
	offset    int64
}

// verdict is what is wrong with a history.
type verdict struct {
	records, lost, disorder, duplicates, letters int
	bound                                        int64
	witnesses                                    []string
}

func (v *verdict) witness(format string, args ...any) {
	if len(v.witnesses) < 5 {
		v.witnesses = append(v.witnesses, fmt.Sprintf(format, args...))
	}
}

func (v *verdict) ok() bool {
	return v.lost+v.disorder+v.letters == 0 && int64(v.duplicates) <= v.bound && len(v.witnesses) == 0
}

func (v *verdict) add(o verdict) {
	v.records, v.lost, v.disorder = v.records+o.records, v.lost+o.lost, v.disorder+o.disorder
	v.duplicates, v.letters, v.bound = v.duplicates+o.duplicates, v.letters+o.letters, v.bound+o.bound
	v.witnesses = append(v.witnesses, o.witnesses...)
}

type identity struct {
	key string
	n   int
}

// check looks for records without an outcome, keys out of order, outcomes too
// many, and dead letters that are not what they were made of.
func check(h history) verdict {
	v := verdict{records: len(h.records), bound: h.bound}
	outcomes := make(map[identity]int, len(h.records))
	for _, e := range h.effects {
		outcomes[identity{e.Key, e.N}]++
	}
	for _, d := range h.dead {
		outcomes[identity{d.key, d.n}]++
	}
	for _, r := range h.records {
		n := outcomes[identity{r.key, r.n}]
		v.duplicates += max(n-1, 0)
		if n == 0 {
			v.lost++
			v.witness("lost: %s %d at %d/%d", r.key, r.n, r.Partition, r.Offset)
		}
	}
	if int64(v.duplicates) > v.bound {
		v.witness("%d duplicates, at most %d were announced", v.duplicates, v.bound)
	}
	v.order(h)
	v.deadLetters(h)
	return v
}

// order wants the effects of a key to be runs of its sequence. A run begins no
// further than one beyond what was done, and for each there was a crash.
func (v *verdict) order(h history) {
	place := make(map[identity]int, len(h.records))
	length := map[string]int{}
	for _, r := range h.records {
		if r.kind == good {
			place[identity{r.key, r.n}] = length[r.key]
			length[r.key]++
		}
	}
	type progress struct{ last, high, runs int }
	keys := map[string]*progress{}
	for _, e := range h.effects {
		at, ok := place[identity{e.Key, e.N}]
		p := keys[e.Key]
		if p == nil {
			p = &progress{last: -1, high: -1}
			keys[e.Key] = p
		}
		switch {
		case !ok:
			v.disorder++
			v.witness("effect of a record that has none: %s %d", e.Key, e.N)
			continue
		case at == p.last+1:
		case at > p.high+1:
			v.disorder++
			v.witness("key %s: %d of its effects were left out before n=%d", e.Key, at-p.high-1, e.N)
		default:
			if p.runs++; p.runs > e.crashes {
				v.disorder++
				v.witness("key %s: n=%d begins run %d after %d crashes", e.Key, e.N, p.runs, e.crashes)
			}
		}
		p.last, p.high = at, max(p.high, at)
	}
}

// deadLetters wants exactly the records that can not be processed, with their
// bytes and where they came from.
func (v *verdict) deadLetters(h history) {
	records := make(map[identity]produced, len(h.records))
	for _, r := range h.records {
		records[identity{r.key, r.n}] = r
	}
	bad := func(d letter, what string) {
		v.letters++
		v.witness("dead letter %s %d from %d/%d: %s", d.key, d.n, d.partition, d.offset, what)
	}
	for _, d := range h.dead {
		r, ok := records[identity{d.key, d.n}]
		switch {
		case !ok:
			bad(d, "of no record")
		case r.kind == good:
			bad(d, "of a record that is not poison")
		case !bytes.Equal(d.value, r.Value):
			bad(d, "not the record's bytes")
		case d.partition != r.Partition || d.offset != r.Offset:
			bad(d, "not where its record is")
		}
	}
}
