package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// cold is what one call costs where the cache does not have the answer.
type cold struct {
	Name     string         `json:"name"`
	Requests map[string]int `json:"requests"` // to the provider, by kind
	STS      int            `json:"sts"`
	Wall     time.Duration  `json:"wall"`
}

// measureCold runs the scenarios in order; each finds what the one before left.
func (w *world) measureCold() ([]cold, error) {
	expire := func() error { return w.age(2*time.Hour, "tokens") }
	scenarios := []struct {
		name   string
		before func() error
		args   []string
	}{
		{"sign-in, PKCE and a browser", nil,
			[]string{"kube", "--flow=pkce", "--browser=" + w.browser}},
		{"cached", nil, []string{"kube"}},
		{"expired: refresh", expire, []string{"kube"}},
		{"--force: refresh", nil, []string{"kube", "--force"}},
		{"expired, the metadata too", func() error {
			return firstError(expire, func() error { return w.age(25*time.Hour, "providers") })
		}, []string{"kube"}},
		{"aws, token cached", nil, []string{"aws"}},
		{"aws, cached", nil, []string{"aws"}},
		{"aws, token and keys expired", func() error {
			return firstError(expire, func() error { return w.age(2*time.Hour, "derived") })
		}, []string{"aws"}},
		{"sign-in again, metadata cached", func() error {
			return firstError(func() error { return w.forget("tokens") }, func() error { return w.forget("sessions") })
		}, []string{"kube", "--flow=pkce", "--browser=" + w.browser}},
		{"sign-in, Device Code, one poll", func() error {
			w.idp.ScriptDevicePolls("ok") // the person is done before the first poll
			return w.forget()
		}, []string{"kube", "--flow=device"}},
	}
	var all []cold
	for _, s := range scenarios {
		if s.before != nil {
			if err := s.before(); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
		}
		w.idp.ResetRequests()
		w.sts.ResetRequests()
		start := time.Now()
		if _, err := w.sso(s.args[0], s.args[1:]...); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		all = append(all, cold{s.name, byKind(w.idp.Requests()), w.sts.Requests(), time.Since(start)})
	}
	return all, nil
}

// byKind names the counts that are not 0. Those of the grants say what the sum
// of token requests is made of, so that is left out.
func byKind(c providertest.Counts) map[string]int {
	b, err := json.Marshal(c)
	counts := map[string]int{}
	if err == nil {
		err = json.Unmarshal(b, &counts)
	}
	if err != nil {
		panic(err) // a struct of ints
	}
	delete(counts, "All")
	delete(counts, "Token")
	for kind, n := range counts {
		if n == 0 {
			delete(counts, kind)
		}
	}
	return counts
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
