package http

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// maxBody is how much of an answer is read, and how large its headers may be:
// enough for its reason and to keep the connection, not enough to be flooded.
const maxBody = 64 << 10

func (s *Sink) verdict(resp *http.Response, body []byte) error {
	code := resp.StatusCode
	if code/100 == 2 {
		return nil
	}
	err := fmt.Errorf("http: %s: %d %s%s", s.shown, code, http.StatusText(code), excerpt(s.mask.Replace(string(body))))
	retryAfter, _ := flow.ReadRetryAfter(resp.Header, time.Now(), func() float64 { return 0 })
	switch code {
	case http.StatusTooManyRequests:
		return flow.Throttled(err, retryAfter)
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout, 529:
		return flow.Overloaded(err, retryAfter)
	case http.StatusRequestTimeout:
		return err
	}
	if code/100 == 4 {
		return flow.Permanent(err)
	}
	return err
}

// excerpt is the beginning of an answer as one printable line.
func excerpt(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, " "))
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return ""
	}
	return ": " + s
}

// redact shows a URL without user, password and query.
func redact(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return shown.String()
}

// masks knows what a service must not be quoted with when its answer repeats the
// request: the values of headers and of the query, and the password.
func masks(u *url.URL, headers map[string]sink.Secret) *strings.Replacer {
	var pairs []string
	hide := func(secret string) {
		if len(secret) >= 4 { // less than that is in any text
			pairs = append(pairs, secret, "***")
		}
	}
	for _, v := range headers {
		hide(v.Reveal())
		if _, token, ok := strings.Cut(v.Reveal(), " "); ok { // of "Bearer token"
			hide(strings.TrimSpace(token))
		}
	}
	if u.User != nil {
		pw, _ := u.User.Password()
		hide(pw)
		hide(u.User.Username())
		hide(base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + pw)))
	}
	for _, values := range u.Query() {
		for _, v := range values {
			hide(v)
			hide(url.QueryEscape(v))
		}
	}
	return strings.NewReplacer(pairs...)
}
