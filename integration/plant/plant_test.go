package plant

import "testing"

func TestATextThatIsNotThereOnceIsAnError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source, want string
		ok           bool
	}{
		{"a b c", "a x c", true},
		{"a c", "", false},
		{"b b", "", false},
	} {
		got, err := Edit{File: "f", Old: "b", New: "x"}.apply(c.source)
		if got != c.want || err == nil != c.ok {
			t.Errorf("%q: got %q, %v, want %q", c.source, got, err, c.want)
		}
	}
}
