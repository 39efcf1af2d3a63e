// Package config turns one file, the environment and flags into running parts.
//
// It is strict: an unknown key, a wrong unit or a contradiction is refused
// before anything connects, with its place, the nearest name that is known, and
// the mend. All problems are found at once. Secrets come in as ${VAR} or
// ${file:/path} and go into no output.
package config
