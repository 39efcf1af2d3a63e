package mask_test

import (
	"testing"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/examples/custom-binary/mask"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
)

func TestFieldsAreHidden(t *testing.T) {
	t.Parallel()
	mw, err := mask.New(mask.Config{Fields: []string{"card", "none"}, With: "***"}, config.Env{})
	if err != nil {
		t.Fatal(err)
	}
	h := handlers.Chain(handlers.Pass, mw)
	for value, want := range map[string]string{
		`{"id":9007199254740993,"card":{"no":"4111"}}`: `done {"card":"***","id":9007199254740993}`,
		`{"id":1}`: `done {"id":1}`,
	} {
		if got := handlertest.Run(t, h, handlertest.Record(value)).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got, want := handlertest.Run(t, h, handlertest.Record("[]")).Verdict.String(), "reject"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNothingToHideIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := mask.New(mask.DefaultConfig(), config.Env{}); err == nil {
		t.Error("got no error")
	}
}
