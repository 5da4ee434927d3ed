package loopback

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Page is what the browser shows last. It carries no code, no token, no script
// and nothing from elsewhere.
type Page struct {
	Title  string
	Who    string // the account that signed in
	Where  string // at which provider
	Text   string // what to do next
	Detail string // a server's or an error's words, or what else there is to know
	For    string // which of several accounts of the person's it is about
	Mark   string
	Class  string
}

var pageStray = Page{Title: "This is not the current sign-in", Mark: "?", Class: "no",
	Text: "Nothing was changed. Use the newest sign-in window, or start again in your terminal."}

// elsewherePage answers a request whose Host is not ours. A loopback address is
// a person's, who forwarded a port to another one: no web page can go by that
// name. Who comes by another name learns nothing.
func (l *Listener) elsewherePage(requested string) Page {
	host, port, err := net.SplitHostPort(l.host)
	name, _, badHost := net.SplitHostPort(requested)
	if err != nil || badHost != nil || name != "localhost" && !IsLiteral(name) {
		return pageStray
	}
	return Page{Title: "The sign-in is waiting at another address", Mark: "?", Class: "no",
		Text: "If your terminal asks for an address, copy the address of this page and paste it there.",
		Detail: "If not, forward the same port (ssh -L " + port + ":" + net.JoinHostPort(host, port) +
			"). Then open this page again with http://" + l.host + " at the start of its address."}
}

// The colours' contrast is 4.5:1 at least (WCAG 2.2, 1.4.3).
const pageStyle = `:root{color-scheme:light dark;--fg:#1d2430;--bg:#f4f5f7;--card:#fff;--ok:#1a7f4b;--no:#b3261e;--dim:#5a6475}
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ef;--bg:#14171c;--card:#1e232b;--ok:#4cc38a;--no:#ff8a80;--dim:#9aa4b5}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:min(1rem,3vw);background:var(--bg);color:var(--fg);font:1rem/1.5 system-ui,sans-serif}
main{background:var(--card);border:1px solid transparent;border-radius:.75rem;padding:min(2rem,7vw) min(2rem,5vw);max-width:30rem;width:100%;text-align:center;overflow-wrap:anywhere;box-shadow:0 1px 4px #0002}
.mark{font-size:2.5rem;line-height:1}.ok .mark{color:var(--ok)}.no .mark{color:var(--no)}
h1{font-size:1.375rem;line-height:1.3;margin:.75rem 0 .5rem}h1,p{text-wrap:balance}span{white-space:nowrap}p{margin:.5rem 0}b{font-weight:600}
.detail,footer{color:var(--dim);font-size:.875rem}.detail{margin-top:1rem}footer{margin-top:1.5rem}`

// The border shows where colours are forced (high contrast), instead of the
// card's own. bdi keeps a name that is written from right to left to itself.
const pageHTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title} – sso-exec</title><link rel="icon" href="data:,"><style>{style}</style></head>
<body><main class="{class}" id="{class}"><div class="mark" aria-hidden="true">{mark}</div><h1>{heading}</h1>{who}<p>{text}</p>{detail}<footer>sso-exec{for}</footer></main></body></html>
`

// pageHeader sets what keeps a page to itself: no cache, no referrer, no
// content but our own style, and no other site's page that embeds it or keeps a
// hold on its window.
func pageHeader(h http.Header) {
	sum := sha256.Sum256([]byte(pageStyle))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

func writePage(w http.ResponseWriter, status int, p Page) {
	esc := func(s string) string { // not broken at its hyphen
		return strings.ReplaceAll(html.EscapeString(s), "sign-in", "<span>sign-in</span>")
	}
	who, detail, about := "", "", ""
	if p.For != "" {
		about = ": <bdi>" + esc(p.For) + "</bdi>"
	}
	if p.Who != "" {
		who = "<p>as <b><bdi>" + esc(p.Who) + "</bdi></b>"
		if p.Where != "" {
			who += " at <b><bdi>" + esc(p.Where) + "</bdi></b>"
		}
		who += "</p>"
	}
	if p.Detail != "" {
		detail = `<p class="detail" dir="auto">` + esc(p.Detail) + `</p>`
	}
	text := strings.NewReplacer("{style}", pageStyle, "{title}", html.EscapeString(p.Title), "{heading}", esc(p.Title),
		"{for}", about, "{who}", who, "{text}", esc(p.Text),
		"{detail}", detail, "{mark}", p.Mark, "{class}", p.Class).Replace(pageHTML)
	pageHeader(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text))) // it is whole once it is flushed
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}
