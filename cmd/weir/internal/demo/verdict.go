package demo

import (
	"encoding/json"
	"fmt"
)

// Verdict is how the demo judges itself.
type Verdict struct {
	Produced     int64  `json:"produced"`
	Delivered    int64  `json:"delivered"`
	Lost         int64  `json:"lost"`
	Duplicates   int64  `json:"duplicates"`
	OutOfOrder   int64  `json:"out_of_order"`
	DeadLetters  int64  `json:"dead_letters"`
	Rebalances   int64  `json:"rebalances"`
	Pauses       int64  `json:"pauses"`
	MaxHeldBytes int64  `json:"max_held_bytes"`
	BudgetBytes  int64  `json:"budget_bytes"`
	Verdict      string `json:"verdict"`
}

// judge compares the ledger's two sides and prints the result.
func (s *show) judge() error {
	c := s.ledger.counts()
	v := Verdict{
		Produced: c.Produced, Delivered: c.Delivered, Lost: c.Produced - c.Delivered, Duplicates: c.Duplicates, OutOfOrder: c.OutOfOrder,
	}
	for _, m := range s.members {
		r := m.c.Explain()
		v.DeadLetters += r.Totals.DeadLetters
		v.Rebalances += r.Rebalances
		v.Pauses += r.Pauses
		v.MaxHeldBytes = max(v.MaxHeldBytes, r.Totals.MaxHeld)
		v.BudgetBytes = r.BudgetBytes
	}
	v.Verdict = "nothing lost, nothing out of order"
	bad := v.Lost > 0 || v.OutOfOrder > 0 || v.MaxHeldBytes > v.BudgetBytes
	if bad {
		v.Verdict = "failed"
	}
	_, _ = fmt.Fprintf(s.screen.out, "\nproduced %d, delivered %d: lost %d, duplicates %d, out of order %d\nheld at most %.2f MiB of %.0f MiB; %d rebalances, %d pauses, %d dead letters\n%s\n",
		v.Produced, v.Delivered, v.Lost, v.Duplicates, v.OutOfOrder, float64(v.MaxHeldBytes)/(1<<20), float64(v.BudgetBytes)/(1<<20),
		v.Rebalances, v.Pauses, v.DeadLetters, v.Verdict)
	if s.o.Output == "json" {
		if err := json.NewEncoder(s.o.Out).Encode(v); err != nil {
			return err
		}
	}
	if bad {
		return ErrVerdict
	}
	return nil
}
