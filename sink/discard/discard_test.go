package discard_test

import (
	"testing"

	"github.com/weir-kafka/weir/sink/discard"
	"github.com/weir-kafka/weir/sink/sinktest"
)

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) *sinktest.Subject {
		s, err := discard.New(discard.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		return &sinktest.Subject{Sink: s}
	})
}
