package awsapi

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// Test vectors that AWS has published: the Signature Version 4 test suite, and the
// example of the General Reference (iam ListUsers).
func TestVectors(t *testing.T) {
	now := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		method, query, body, contentType, service, host, signed, signature string
	}{
		"get-vanilla": {"GET", "", "", "", "service", "example.amazonaws.com", "host;x-amz-date",
			"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-vanilla-query-order-key-case": {"GET", "Param2=value2&Param1=value1", "", "", "service",
			"example.amazonaws.com", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		"post-vanilla": {"POST", "", "", "", "service", "example.amazonaws.com", "host;x-amz-date",
			"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		"post-x-www-form-urlencoded": {"POST", "", "Param1=value1", "application/x-www-form-urlencoded", "service",
			"example.amazonaws.com", "content-type;host;x-amz-date",
			"ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		"iam ListUsers": {"GET", "Action=ListUsers&Version=2010-05-08", "",
			"application/x-www-form-urlencoded; charset=utf-8", "iam", "iam.amazonaws.com", "content-type;host;x-amz-date",
			"5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
	} {
		find := func(id string) (Keys, bool) {
			return Keys{SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}, id == "AKIDEXAMPLE"
		}
		query, _ := url.ParseQuery(c.query)
		r := Request{Method: c.method, Path: "/", Host: c.host, Body: c.body, Query: query,
			Header: http.Header{"X-Amz-Date": {"20150830T123600Z"}, "Authorization": {algorithm +
				" Credential=AKIDEXAMPLE/20150830/us-east-1/" + c.service + "/aws4_request, SignedHeaders=" + c.signed +
				", Signature=" + c.signature}}}
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		if id, refused := Verify(r, c.service, "us-east-1", now, find); refused != nil || id != "AKIDEXAMPLE" {
			t.Errorf("%s: %v", name, refused)
		}
		for what, change := range map[string]func(){
			"body": func() { r.Body += " " }, "host": func() { r.Host = "evil.example" }, "method": func() { r.Method = "PUT" },
			"date": func() { r.Header.Set("X-Amz-Date", "20150830T123601Z") },
		} {
			old, date := r, r.Header.Get("X-Amz-Date")
			change()
			if _, refused := Verify(r, c.service, "us-east-1", now, find); refused == nil {
				t.Errorf("%s: another %s is accepted", name, what)
			}
			r = old
			r.Header.Set("X-Amz-Date", date)
		}
		for _, off := range []time.Duration{-leeway - time.Second, leeway + time.Second} {
			if _, refused := Verify(r, c.service, "us-east-1", now.Add(off), find); refused == nil {
				t.Errorf("%s: accepted at %v", name, off)
			}
		}
		if _, refused := Verify(r, c.service, "eu-west-1", now, find); refused == nil {
			t.Errorf("%s: another region is accepted", name)
		}
	}
}
