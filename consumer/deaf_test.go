package consumer

import (
	"testing"
	"time"
)

// So many deaf calls give up their place, and when one of them comes back another
// may; a call that is not deaf keeps its own.
func TestOnlySoManyDeafCallsLoseTheirPlace(t *testing.T) {
	t.Parallel()
	u := underWay{due: map[*call]time.Time{}, deaf: map[*call]bool{}}
	calls := make([]*call, mostDeaf+4)
	for i := range calls {
		calls[i] = &call{}
		u.begin(calls[i], noon.Add(time.Second))
	}
	quick := &call{}
	u.begin(quick, noon.Add(time.Hour))
	look := func(at time.Time, found, lost int) {
		t.Helper()
		if f, l := u.look(at); f != found || l != lost {
			t.Errorf("got %d found and %d that lost their place, want %d and %d", f, l, found, lost)
		}
	}
	look(noon, 0, 0)
	look(noon.Add(time.Second), mostDeaf+4, mostDeaf)
	look(noon.Add(2*time.Second), 0, 0)
	if !u.end(quick) {
		t.Error("a call in time has lost its place")
	}
	kept := 0
	for _, c := range calls[:mostDeaf] {
		if u.end(c) {
			kept++
		}
	}
	if deaf, lost := u.count(); deaf != 4 || lost != kept {
		t.Errorf("got %d deaf and %d without a place, want 4 and %d", deaf, lost, kept)
	}
	look(noon.Add(3*time.Second), 0, 4-kept)
	for _, c := range calls[mostDeaf:] {
		if u.end(c) {
			t.Error("a deaf call has its place although others had gone")
		}
	}
	if deaf, lost := u.count(); deaf != 0 || lost != 0 {
		t.Errorf("at the end got %d deaf and %d without a place, want none", deaf, lost)
	}
}
