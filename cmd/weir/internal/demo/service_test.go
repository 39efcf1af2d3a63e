package demo

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTheServiceRefusesWhatIsBeyondItsCapacityAndSaysWhenToCome(t *testing.T) {
	t.Parallel()
	s, err := startService(newLedger())
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxIdleConnsPerHost: 400}
	client := &http.Client{Transport: tr}
	send := func(n int) (code int, after string) {
		resp, err := client.Post(s.url, "application/json", strings.NewReader(fmt.Sprintf(`{"key":"k%d","n":0}`, n)))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	if code, _ := send(0); code != http.StatusNoContent {
		t.Errorf("got %d, want 204", code)
	}
	s.refuses.Store(true)
	if code, after := send(1); code != http.StatusServiceUnavailable || after != "1" {
		t.Errorf("while it refuses: got %d, Retry-After %q; want 503 and 1", code, after)
	}
	s.refuses.Store(false)
	s.takes.Store(int64(20 * time.Millisecond))
	var mu sync.Mutex
	var wg sync.WaitGroup
	served, refused := 0, 0
	for n := range workers + mostWaiting + 100 {
		wg.Go(func() {
			code, after := send(2 + n)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case code == http.StatusNoContent:
				served++
			case code == http.StatusServiceUnavailable && after != "":
				refused++
			default:
				t.Errorf("got %d, Retry-After %q", code, after)
			}
		})
	}
	wg.Wait()
	if served < workers+mostWaiting/2 || refused == 0 {
		t.Errorf("%d served and %d refused, want most served and some refused", served, refused)
	}
	tr.CloseIdleConnections()
	if err := s.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}
