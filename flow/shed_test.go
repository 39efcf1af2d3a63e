package flow_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// shedTrial offers perSecond requests a second for a minute to a server that does
// capacity, and returns what was admitted of each class and the mean wait in the latter half.
func shedTrial(s *flow.Shedder, perSecond, capacity int, class func(i int) int, user func(i int) string) (offered, admitted [5]int, wait time.Duration) {
	now := time.Unix(7200, 0)
	queue := 0.0
	var waits time.Duration
	n := 0
	total := 60 * perSecond
	for i := range total {
		now = now.Add(time.Second / time.Duration(perSecond))
		queue = max(queue-float64(capacity)/float64(perSecond), 0)
		c := class(i)
		ok := s.Admit(now, s.Level(now, c, user(i)))
		if ok {
			queue++
			d := time.Duration(queue / float64(capacity) * float64(time.Second))
			s.Observe(d)
			if i > total/2 {
				waits += d
				n++
			}
		}
		if i > total/2 {
			offered[c]++
			if ok {
				admitted[c]++
			}
		}
	}
	return offered, admitted, waits / time.Duration(max(n, 1))
}

func manyUsers(i int) string { return fmt.Sprint("user", i*7919%4001) }

func TestShedderKeepsTheWaitShortAndTheImportant(t *testing.T) {
	t.Parallel()
	var s flow.Shedder
	rng := rand.New(rand.NewPCG(1, 10))
	offered, admitted, wait := shedTrial(&s, 4000, 2000, func(int) int { return rng.IntN(5) }, manyUsers)
	if wait > 100*time.Millisecond {
		t.Errorf("mean wait %s at twice the capacity", wait)
	}
	sum := 0
	for _, n := range admitted {
		sum += n
	}
	if goodput := float64(sum) / 30; goodput < 1700 || goodput > 2100 {
		t.Errorf("%.0f a second admitted, want about the 2000 that can be done", goodput)
	}
	for c := range 2 { // two of five classes fit well
		if admitted[c] < offered[c]*99/100 {
			t.Errorf("class %d: %d of %d admitted, want all", c, admitted[c], offered[c])
		}
	}
	if admitted[4] > offered[4]/50 {
		t.Errorf("class 4: %d of %d admitted, want none", admitted[4], offered[4])
	}
}

// One user makes every request, so that all have one level.
func TestShedderDoesNotSwingWhenAllHaveOneLevel(t *testing.T) {
	t.Parallel()
	var s flow.Shedder
	_, admitted, wait := shedTrial(&s, 4000, 2000, func(int) int { return 2 }, func(int) string { return "only" })
	if goodput := float64(admitted[2]) / 30; wait > 100*time.Millisecond || goodput < 1700 {
		t.Errorf("%.0f a second admitted of the 2000 that can be done, mean wait %s", goodput, wait)
	}
}

func TestShedderAdmitsAllWhileThereIsRoom(t *testing.T) {
	t.Parallel()
	var s flow.Shedder
	offered, admitted, _ := shedTrial(&s, 1000, 2000, func(i int) int { return i % 5 }, manyUsers)
	if admitted != offered {
		t.Errorf("admitted %v of %v", admitted, offered)
	}
}

func TestShedderRecoversAfterAnyOverload(t *testing.T) {
	t.Parallel()
	var s flow.Shedder
	now := time.Unix(7200, 0)
	for range 300 * 20 { // five minutes in which even what is admitted waits too long
		now = now.Add(50 * time.Millisecond)
		if s.Admit(now, s.Level(now, 1, "u")) {
			s.Observe(time.Second)
		}
	}
	if s.Cut() >= 199 {
		t.Fatalf("cut %d after five minutes of overload", s.Cut())
	}
	for range 120 * 20 {
		now = now.Add(50 * time.Millisecond)
		s.Admit(now, s.Level(now, 1, "u"))
	}
	if s.Cut() != 499 {
		t.Errorf("cut %d two minutes after the overload, want none: 499", s.Cut())
	}
}

func TestShedderPressedKeepsTheFirstClasses(t *testing.T) {
	t.Parallel()
	var s flow.Shedder
	now := time.Unix(7200, 0)
	s.Press(false, 1) // memory is almost gone
	for class := range 5 {
		if got := s.Admit(now, s.Level(now, class, "u")); got != (class == 0) {
			t.Errorf("class %d: %v", class, got)
		}
	}
	if s.Cut() != 99 {
		t.Errorf("cut %d, want 99", s.Cut())
	}
	s.Press(true, 5) // the processor is busy: as long waits
	for i := range 10000 {
		now = now.Add(time.Millisecond)
		s.Admit(now, i%500)
	}
	if got := s.Cut(); got > 420 || got < 0 {
		t.Errorf("cut %d after ten busy seconds, want about .95^10 of 500", got)
	}
}

func TestShedderWindowEndsEarlyUnderManyRequests(t *testing.T) {
	t.Parallel()
	var s flow.Shedder
	now := time.Unix(7200, 0)
	for i := range 10 * 2000 { // within one second
		if s.Admit(now, i%500) {
			s.Observe(time.Second)
		}
	}
	if got := s.Cut(); got > 350 {
		t.Errorf("cut %d after ten windows of 2000 requests, want about .95^9 of 500", got)
	}
}

func TestUsersOfAClassTakeTurnsHourly(t *testing.T) {
	t.Parallel()
	var s flow.Shedder
	now := time.Unix(7200, 0)
	counts, moved := [100]int{}, 0
	for i := range 10000 {
		user := fmt.Sprint("user", i)
		a := s.Level(now, 3, user)
		if a < 300 || a > 399 {
			t.Fatalf("level %d of class 3", a)
		}
		counts[a-300]++
		if s.Level(now.Add(59*time.Minute), 3, user) != a {
			t.Fatal("the level changed within the hour")
		}
		if s.Level(now.Add(time.Hour), 3, user) != a {
			moved++
		}
	}
	for level, n := range counts {
		if n < 50 || n > 160 {
			t.Errorf("%d of 10000 users have level %d, want about 100", n, level)
		}
	}
	if moved < 9700 {
		t.Errorf("%d of 10000 users moved after an hour, want 99 of 100", moved)
	}
}
