package config

import (
	"strconv"
	"strings"
)

// mask takes secrets out of texts that others wrote: errors of parts, of the
// client, of checks that quote a value.
type mask struct{ secrets []string }

// leastSecret is the shortest text that is looked for. What is shorter stands in
// any text by chance; the scalars that hold it are never quoted anyway.
const leastSecret = 4

func (m *mask) add(secret string) {
	if len(secret) >= leastSecret {
		quoted := strconv.Quote(secret)
		m.secrets = append(m.secrets, secret, quoted[1:len(quoted)-1])
	}
}

func (m *mask) text(s string) string {
	for _, secret := range m.secrets {
		s = strings.ReplaceAll(s, secret, "***")
	}
	return s
}

func (m *mask) problems(ps Problems) Problems {
	for i := range ps {
		ps[i].Text, ps[i].Mend = m.text(ps[i].Text), m.text(ps[i].Mend)
	}
	return ps
}
