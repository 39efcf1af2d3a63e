package jq

import (
	"strings"

	"github.com/itchyny/gojq"
)

// readsInput reports whether q may look at its input. It says true when in
// doubt: false means that the value is not even decoded.
func readsInput(q *gojq.Query) bool {
	switch {
	case q == nil:
		return false
	case q.Meta != nil, len(q.Imports) > 0, len(q.FuncDefs) > 0:
		return true
	case q.Term != nil:
		return termReadsInput(q.Term)
	case q.Op == gojq.OpPipe && len(q.Patterns) == 0:
		return readsInput(q.Left) // what stands behind the pipe has the result of the left as input
	case q.Op == gojq.OpComma, q.Op >= gojq.OpAdd && q.Op <= gojq.OpAlt:
		return readsInput(q.Left) || readsInput(q.Right)
	}
	return true
}

func termReadsInput(t *gojq.Term) bool {
	for _, s := range t.SuffixList {
		if i := s.Index; i != nil && (stringReadsInput(i.Str) || readsInput(i.Start) || readsInput(i.End)) {
			return true
		}
	}
	switch t.Type {
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber:
		return false
	case gojq.TermTypeString:
		return stringReadsInput(t.Str)
	case gojq.TermTypeQuery:
		return readsInput(t.Query)
	case gojq.TermTypeFunc:
		return !strings.HasPrefix(t.Func.Name, "$")
	default:
		return true
	}
}

func stringReadsInput(s *gojq.String) bool {
	if s == nil {
		return false
	}
	for _, q := range s.Queries {
		if readsInput(q) {
			return true
		}
	}
	return false
}
