package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

// The test binary is subject and broker too, as the command is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case "-subject":
			exit(subject(os.Args[2]))
		case "-serve":
			exit(serve(os.Args[2]))
		case "-answer":
			exit(answer(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// Every peer consumes the canned topic, and what is measured of it is more than nothing.
func TestEveryPeerConsumes(t *testing.T) {
	l := &lab{}
	source, err := l.source(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer source.end()
	to, err := startServices(serviceSpec{})
	if err != nil {
		t.Fatal(err)
	}
	defer to.close()
	sets := map[string]map[string]string{
		"kgo-copy":  {"into": source.into},
		"http-loop": {"url": to.urls[0], "conns": "2"},
	}
	for peer := range peers.All() {
		t.Run(peer, func(t *testing.T) {
			c, err := startSubject(context.Background(), source.spec(peer, peer, sets[peer]))
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if err := c.freeze(); err != nil {
				t.Fatal(err)
			}
			p, err := c.piece(context.Background(), 50*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if p.perSecond <= 0 || p.cpu < 0 {
				t.Errorf("measured %+v", p)
			}
		})
	}
}

func TestAFrozenSubjectStandsStillUntilItIsThawed(t *testing.T) {
	l := &lab{}
	address, end, err := l.canned(100)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	c, err := startSubject(context.Background(), peers.Spec{Peer: "kgo", Brokers: address, Topic: topicOf(100), Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	state := func() string {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
		if err != nil {
			t.Skip("only where there is /proc")
		}
		return string(raw[bytes.LastIndexByte(raw, ')')+2])
	}
	if err := c.freeze(); err != nil {
		t.Fatal(err)
	}
	for state() != "T" {
		time.Sleep(time.Millisecond)
	}
	if err := c.thaw(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.look(); err != nil || state() == "T" {
		t.Errorf("after it was thawed: state %s, %v", state(), err)
	}
}

func TestASubjectThatCannotBeIsAnError(t *testing.T) {
	_, err := startSubject(context.Background(), peers.Spec{Peer: "nobody"})
	if err == nil {
		t.Fatal("nobody started")
	}
}

func TestAtNextSeesTheEndOfABatch(t *testing.T) {
	var m peers.Meter
	go func() {
		for range 100 {
			m.Add(10, 100)
			time.Sleep(time.Millisecond)
		}
	}()
	m.AtNext(time.Minute, func() {
		if n := m.Records.Load(); n == 0 || n%10 != 0 {
			t.Errorf("%d records, want all of some batches", n)
		}
	})
	called := false
	m.AtNext(0, func() { called = true })
	if !called {
		t.Error("no look without a batch")
	}
}
