package bench

import (
	"math"
	"time"
)

// cost is what one segment was seen to need.
type cost struct {
	overhead time.Duration // connecting, joining, leaving
	perSec   float64       // records, once they come
}

// manyRounds is how many are enough to leave the two least and the two most out of the
// interval, and mostRounds when to stop though there is time.
const (
	manyRounds = 12
	mostRounds = 99
)

// mostPasses bounds how often the raw loop goes over the window beside a slow pipeline.
const mostPasses = 16

// segments is what a segment of each side has.
type segments struct {
	records int64
	passes  int // over them, of the raw loop
}

// plan returns how many records a segment may have, most at the most, so that enough
// rounds of raw, pipeline and raw again fit into budget: many if least allows it and half
// of a round is left for records, and otherwise least. The raw loop goes over them as
// often as it takes to last a third as long as the pipeline, if that costs no more than a
// quarter of a round. When there is no time for least rounds there will be fewer.
func plan(budget time.Duration, raw, pipe cost, most int64, least int) segments {
	for rounds := manyRounds; ; rounds -= 3 {
		each := budget / time.Duration(rounds)
		s := segments{passes: passes(raw, pipe, each/4)}
		overhead := time.Duration(2*s.passes)*raw.overhead + pipe.overhead
		perRecord := 2*float64(s.passes)/raw.perSec + 1/pipe.perSec
		room := each - overhead
		if rounds <= least {
			room = max(room, overhead/10)
		}
		s.records = max(min(int64(room.Seconds()/perRecord), most), 1)
		if rounds <= least || room >= overhead || s.records == most {
			return s
		}
	}
}

// passes returns how often the raw loop goes over the window, whose overhead twice must
// not be more than may.
func passes(raw, pipe cost, may time.Duration) int {
	n := min(raw.perSec/pipe.perSec/3, mostPasses)
	if raw.overhead > 0 {
		n = min(n, float64(may/(2*raw.overhead)))
	}
	return max(int(math.Ceil(n)), 1)
}
