package bench

import "time"

// cost is what one segment was seen to need.
type cost struct {
	overhead time.Duration // connecting, joining, leaving
	perSec   float64       // records, once they come
}

func (c cost) of(records int64) time.Duration {
	return c.overhead + time.Duration(float64(records)/c.perSec*float64(time.Second))
}

// manyRounds is how many are enough to leave the two least and the two most out of the
// interval, and mostRounds when to stop though there is time.
const (
	manyRounds = 12
	mostRounds = 99
)

// plan returns how many records a segment may have, most at the most, so that enough
// rounds of raw, pipeline and raw again fit into budget: many if least allows it and more
// than half of a round is left for records, and otherwise least. It is 1 at least, also
// when not even the overhead fits.
func plan(budget time.Duration, raw, pipe cost, most int64, least int) int64 {
	overhead := 2*raw.overhead + pipe.overhead
	perRecord := 2/raw.perSec + 1/pipe.perSec
	fit := func(rounds int) (room time.Duration, n int64) {
		room = budget/time.Duration(rounds) - overhead
		return room, int64(room.Seconds() / perRecord)
	}
	for rounds := manyRounds; rounds > least; rounds -= 3 {
		if room, n := fit(rounds); room >= overhead || n >= most {
			return max(min(n, most), 1)
		}
	}
	_, n := fit(least)
	return max(min(n, most), 1)
}
