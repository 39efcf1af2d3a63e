package lab

import (
	"maps"
	"strings"
	"testing"
)

func TestGoroutinesAreCountedByWhatTheyBeganWith(t *testing.T) {
	t.Parallel()
	const profile = `goroutine profile: total 6
3 @ 0x1 0x2
#	0x1	internal/poll.runtime_pollWait+0x84	/go/netpoll.go:351
#	0x2	net/http.(*persistConn).readLoop+0x10	/go/transport.go:1

2 @ 0x3
#	0x3	a/b.(*C).run.func1+0x1f	/a/b.go:7

1 @ 0x1 0x5
#	0x1	internal/poll.runtime_pollWait+0x84	/go/netpoll.go:351
#	0x5	net/http.(*persistConn).readLoop+0x20	/go/transport.go:2
`
	got, err := byStart(strings.NewReader(profile))
	want := map[string]int{"net/http.(*persistConn).readLoop": 4, "a/b.(*C).run.func1": 2}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
