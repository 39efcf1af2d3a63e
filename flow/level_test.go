package flow_test

import (
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func TestClientShedsBeyondTheCutWhileItIsFresh(t *testing.T) {
	var c flow.Cut
	now := time.Unix(100, 0)
	if err := c.Check(now, 499); err != nil {
		t.Fatalf("got %v, want sent: nothing is known", err)
	}
	c.Learn(now, 250)
	for level, want := range map[int]bool{0: true, 250: true, 251: true, 252: false, 499: false} {
		err := c.Check(now, level)
		if got := err == nil; got != want {
			t.Errorf("level %d is sent: got %t, want %t", level, got, want)
		}
		if err != nil {
			mustRefuse(t, err)
		}
	}
	if err := c.Check(now.Add(time.Second), 499); err != nil {
		t.Errorf("got %v, want sent: the cut is old", err)
	}
}

func TestLevelTravelsInTheContext(t *testing.T) {
	if _, ok := flow.LevelOf(t.Context()); ok {
		t.Error("got a level that nobody set")
	}
	if got, ok := flow.LevelOf(flow.WithLevel(t.Context(), 7)); !ok || got != 7 {
		t.Errorf("got %d, %t, want 7", got, ok)
	}
}
