package sink

import (
	"fmt"
	"io"
)

// Secret is a string that no output shows: every way of printing, logging or
// encoding it gives "***" (or nothing when it is empty). Reveal gives the text.
// A reflective printer that reads unexported fields still sees it.
type Secret string

const masked = "***"

// Reveal returns the secret itself, for the one place that must send it.
func (s Secret) Reveal() string { return string(s) }

// String returns a mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// Format writes a mask for every verb; without it a verb that does not fit, as
// %d, would show the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns a mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
