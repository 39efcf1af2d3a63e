package sink

// Secret is a string that no output shows: every way of printing, logging or
// encoding it gives "***" (or nothing when it is empty). Reveal gives the text.
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

// GoString returns a mask.
func (s Secret) GoString() string { return s.String() }

// MarshalText returns a mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
