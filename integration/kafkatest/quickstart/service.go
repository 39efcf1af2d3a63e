package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// service is what the pipeline sends orders to. Close ends it.
type service struct {
	*http.Server

	mu    sync.Mutex
	seen  map[int]bool
	last  [keys]int // the latest order of each customer
	wrong error
}

func listen() (*service, error) {
	l, err := net.Listen("tcp", "127.0.0.1:8088")
	if err != nil {
		return nil, err
	}
	s := &service{seen: map[int]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.orders)
	s.Server = &http.Server{Handler: mux}
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.note(err)
		}
	}()
	return s, nil
}

func (s *service) orders(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off: no effect
	}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		s.note(s.take(lines.Bytes()))
	}
}

// take notes an order, and says what is wrong with it.
func (s *service) take(line []byte) error {
	var o struct{ ID, Amount int }
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("what arrived is no order: %w: %s", err, line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o.ID >= paid || o.Amount == 0:
		return fmt.Errorf("the unpaid order %d was not filtered", o.ID)
	case s.seen[o.ID]:
		return fmt.Errorf("order %d arrived twice", o.ID)
	case o.ID < s.last[o.ID%keys]:
		return fmt.Errorf("order %d came after order %d of the same customer", o.ID, s.last[o.ID%keys])
	}
	s.seen[o.ID] = true
	s.last[o.ID%keys] = o.ID
	return nil
}

func (s *service) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong == nil {
		s.wrong = err
	}
}

// arrived is how many orders came, and what was wrong first.
func (s *service) arrived() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen), s.wrong
}
