package consumer

import "testing"

func TestWhatAnOffsetOutOfRangeIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seen logSeen
		at   int64
		want finding
		to   int64
	}{
		"within":                        {logSeen{start: 10, end: 90}, 50, inRange, 50},
		"at the start":                  {logSeen{start: 10, end: 90}, 10, inRange, 10},
		"at the end":                    {logSeen{start: 10, end: 90}, 90, inRange, 90},
		"before the start":              {logSeen{start: 10, end: 90}, 9, deleted, 10},
		"of an empty log":               {logSeen{start: 90, end: 90}, 9, deleted, 90},
		"not known":                     {logSeen{start: 10, end: 90}, -1, deleted, 10},
		"beyond the end":                {logSeen{start: 10, end: 90}, 91, beyond, 91},
		"cut and not yet as long again": {logSeen{start: 10, end: 90, asked: true, diverged: 80}, 95, truncated, 80},
		"cut and longer than before":    {logSeen{start: 10, end: 90, asked: true, diverged: 40}, 50, truncated, 40},
		"cut before the start":          {logSeen{start: 60, end: 90, asked: true, diverged: 40}, 70, truncated, 60},
		"of a later leader, whole":      {logSeen{start: 10, end: 90, asked: true, diverged: 50}, 50, inRange, 50},
		"behind a later leader's end":   {logSeen{start: 10, end: 40, asked: true, diverged: 50}, 50, beyond, 50},
		"epoch that nobody knows":       {logSeen{start: 10, end: 90, asked: true, diverged: -1}, 50, another, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, to := c.seen.find(c.at); got != c.want || to != c.to {
				t.Errorf("offset %d is %d and goes to %d, want %d and %d", c.at, got, to, c.want, c.to)
			}
		})
	}
}
