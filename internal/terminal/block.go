package terminal

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Block is what a sign-in shows: a [Browser], [Device] or [Paste] prompt, or a
// [Choice] in between.
// Texts in it should be free of control characters; what is left of them is
// removed.
type Block interface {
	// body writes the block except for its last line.
	body(p *page)
	// waiting returns what the last line says.
	waiting() waiting
}

// Asker says which sign-in it is. Every field may be empty but Provider.
type Asker struct {
	Program  string // that asks; empty: sso-exec
	Provider string // host of the provider
	Account  string // who is to sign in
	Tool     string // for which tool: "Kubernetes"
}

// headline is the first line of every block. It names this program, which the
// person may not have started himself.
func (a Asker) headline() string {
	s := cmp.Or(a.Program, "sso-exec") + ": sign in to " + a.Provider
	if a.Account != "" {
		s += " as " + a.Account
	}
	if a.Tool != "" {
		s += ", for " + a.Tool
	}
	return s
}

// Browser is the prompt next to a sign-in in a browser on this machine.
type Browser struct {
	Asker
	Opened string // what is to open the page; empty if nothing is
	URL    string
	Until  time.Time
}

func (b Browser) body(p *page) {
	p.headline(b.headline())
	if b.Opened != "" {
		p.say("A page should open in your browser (" + b.Opened +
			"). If none does, open this address in a browser on this machine:")
	} else {
		p.say("Open this address in a browser on this machine:")
	}
	p.verbatim(b.URL)
}

func (b Browser) waiting() waiting { return waiting{"Waiting for the browser", b.Until} }

// Device is the prompt of a device sign-in (RFC 8628 §3.3).
type Device struct {
	Asker
	UserCode                string
	VerificationURI         string
	VerificationURIComplete string // with the code in it; may be empty
	Until                   time.Time
}

// body names the host in words, since it is what a person can judge an address by.
// The code is shown even next to an address that has it (§3.3.1).
// The last paragraph is against phishing (§5.4).
func (d Device) body(p *page) {
	host, complete := d.hosts()
	p.headline(d.headline())
	if host == "" {
		p.say("Open this address in a browser, on any device:")
	} else {
		p.say("Open this page of " + host + " in a browser, on any device:")
	}
	p.verbatim(d.VerificationURI)
	p.say("Enter this code there:")
	p.large(d.UserCode)
	p.code = d.VerificationURI
	if complete {
		p.code, p.from = d.VerificationURIComplete, len(p.lines)
		p.say("Or open this address, and check that the page shows the same code:")
		p.verbatim(d.VerificationURIComplete)
		p.to = len(p.lines)
	}
	p.codeAt = len(p.lines)
	p.say("Only go on if you began this sign-in yourself, just now. A code that somebody else gave you signs them in " +
		"as you.")
}

// hosts returns the host that is shown, and whether the complete address leads
// there as well. One that does not is left out: a person compares one host.
func (d Device) hosts() (host string, complete bool) {
	u, err := url.Parse(d.VerificationURI)
	if err != nil {
		return "", false
	}
	c, err := url.Parse(d.VerificationURIComplete)
	return u.Host, err == nil && d.VerificationURIComplete != "" && c.Host == u.Host && c.Scheme == u.Scheme
}

func (d Device) waiting() waiting { return waiting{"Waiting for you to sign in", d.Until} }

// Paste is the prompt of a sign-in in a browser on another machine, whose last
// address the person brings back by [Live.ReadLine].
type Paste struct {
	Asker
	URL         string
	RedirectURI string // where that last address begins
	Forward     string // the command that forwards the port, run next to the browser; may be empty
	NoInput     bool   // nothing can be brought back: ReadLine is not called
	Until       time.Time
}

func (d Paste) body(p *page) {
	p.headline(d.headline())
	p.say("Open this address in a browser, on any device, and sign in:")
	p.verbatim(d.URL)
	if d.NoInput {
		d.unaided(p)
		return
	}
	p.say("If its browser is on another machine, the last page will fail to load. Copy the address of that page, all " +
		"of it, and paste it here. It begins with:")
	p.verbatim(d.RedirectURI)
	if d.Forward != "" {
		p.say("Or have that page load by itself. Before you sign in, run this on the machine with the browser:")
		p.verbatim(d.Forward)
	}
	p.say(waiting{"Waiting", d.Until}.fixed(p.background))
}

// unaided is for where nothing can be read. What was pasted all the same would
// be the shell's next command.
func (d Paste) unaided(p *page) {
	p.say("Nothing can be pasted here: the input is the calling tool's, or the shell's. So the last page must load by " +
		"itself. Its address begins with:")
	p.verbatim(d.RedirectURI)
	if d.Forward == "" {
		p.say("If the browser is on another machine, forward that port from there to this one before you sign in.")
		return
	}
	p.say("If the browser is on another machine, run this there before you sign in:")
	p.verbatim(d.Forward)
}

// waiting is empty where the last line is the one that the person writes.
func (d Paste) waiting() waiting {
	if d.NoInput {
		return waiting{"Waiting for the browser", d.Until}
	}
	return waiting{}
}

// Choice asks for one of a list, whose number the person types: see
// [Live.ReadAnswer].
type Choice struct {
	Asker
	Title    string // the first line, where it is not about a sign-in
	Question string
	Items    []string
	Until    time.Time
}

func (c Choice) body(p *page) {
	p.headline(cmp.Or(c.Title, c.headline()))
	p.say(c.Question)
	p.blank()
	width := len(fmt.Sprint(len(c.Items)))
	for i, item := range c.Items {
		p.item(fmt.Sprintf("%*d", width, i+1), item)
	}
	p.say(waiting{"Waiting", c.Until}.fixed(p.background))
}

func (c Choice) waiting() waiting { return waiting{} }

// inputPrompt stands before what is pasted.
const inputPrompt = "  address: "

// A line of a block. It may be longer than a row: the terminal wraps it then,
// and what is copied from there is whole.
type line struct {
	indent, text string
	sgr          string // of the text; the indentation has none
}

func (l line) String() string {
	if l.sgr == "" {
		return l.indent + l.text + "\n"
	}
	return l.indent + "\x1b[" + l.sgr + "m" + l.text + "\x1b[0m\n"
}

// A page is where a block is laid out.
type page struct {
	style      Style
	columns    int
	background bool // the shell has put us there
	lines      []line
	code       string // to be drawn as a QR code, if there is room for it when all else is known
	codeAt     int    // before which line
	from       int    // lines that are left out where rows are few
	to         int
}

const (
	indent      = 2
	textColumns = 80 // text is hard to read in longer lines
)

func (p *page) headline(s string) {
	for _, l := range Wrap(clean(s, p.style.UTF8), 0, min(p.columns, textColumns)) {
		p.lines = append(p.lines, line{text: l})
	}
}

func (p *page) blank() { p.lines = append(p.lines, line{}) }

// say adds a paragraph.
func (p *page) say(s string) {
	p.blank()
	for _, l := range Wrap(clean(s, p.style.UTF8), indent, min(p.columns, textColumns)) {
		p.lines = append(p.lines, line{text: l})
	}
}

// item adds a line of a list. What does not fit goes on below its text.
func (p *page) item(mark, s string) {
	left := strings.Repeat(" ", indent) + clean(mark, p.style.UTF8) + "  "
	for _, l := range Wrap(clean(s, p.style.UTF8), 0, min(p.columns, textColumns)-len(left)) {
		p.lines = append(p.lines, line{indent: left, text: l})
		left = strings.Repeat(" ", len(left))
	}
}

// verbatim adds a text that can be copied: it is never broken here, and has no
// indentation if the terminal breaks it.
func (p *page) verbatim(s string) {
	l := line{indent: strings.Repeat(" ", 2*indent), text: clean(s, p.style.UTF8)}
	if len(l.indent)+columnsOf(l.text) > p.columns {
		l.indent = ""
	}
	p.blank()
	p.lines = append(p.lines, l)
}

// large adds what must be seen first.
func (p *page) large(s string) {
	p.verbatim(s)
	if p.style.Color {
		p.lines[len(p.lines)-1].sgr = sgrBold
	}
}

// layout lays a block out on an empty page, without its last line. The last of
// a terminal's rows is for that.
func layout(b Block, p *page, rows int) []line {
	style, columns := p.style, p.columns
	b.body(p)
	p.blank()
	taken, _ := rowsTaken(p.lines, columns)
	if taken >= rows && p.to > p.from {
		p.lines = slices.Delete(p.lines, p.from, p.to)
		return p.lines // there is no room for a QR code either
	}
	if p.code == "" {
		return p.lines
	}
	qr := qrLines(p.code, style, columns, rows-taken-2) // the last line, and a blank one
	if qr == nil {
		return p.lines
	}
	return slices.Concat(p.lines[:p.codeAt], []line{{}}, qr, p.lines[p.codeAt:])
}

// rowsTaken returns how many rows of a terminal lines take, and whether that is
// sure.
func rowsTaken(lines []line, columns int) (rows int, sure bool) {
	sure = true
	for _, l := range lines {
		n, known := rowsOf(l.indent+l.text, columns)
		rows, sure = rows+n, sure && known
	}
	return rows, sure
}

// render returns lines as they are written.
func render(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.String())
	}
	return b.String()
}

// waiting is the last line of a block: for what, and until when.
type waiting struct {
	what  string // empty: there is no such line
	until time.Time
}

// fixed is the line where it cannot be rewritten. In the background Ctrl-C is
// somebody else's.
func (w waiting) fixed(background bool) string {
	s := w.what
	if !w.until.IsZero() {
		s += " until " + w.until.Local().Format("15:04")
	}
	if background {
		return s + "."
	}
	return s + ". Ctrl-C cancels."
}

// at is the line at some time, in a form that leaves the last column free, and
// how long it stays as it is; 0 means for ever.
func (w waiting) at(now time.Time, columns int) (string, time.Duration) {
	if w.what == "" {
		return "", 0
	}
	if w.until.IsZero() {
		return fit(columns, "  "+w.fixed(false), "  Ctrl-C cancels."), 0
	}
	left, next := remaining(w.until.Sub(now))
	return fit(columns,
		"  "+w.what+"; "+left+" left. Ctrl-C cancels.",
		"  "+left+" left. Ctrl-C cancels.",
		"  "+left+" left"), next
}

// remaining puts a time that is left into words, and tells how long they stay
// true: it is rounded down, to what is left when they change. A screen reader may
// read them out each time: they change every minute, and in the last one every
// ten seconds.
func remaining(d time.Duration) (string, time.Duration) {
	step, unit := time.Minute, "minute"
	if d <= time.Minute {
		step, unit = 10*time.Second, "second"
	}
	if d <= 0 {
		return "no time", 0
	}
	n := (d - 1) / step
	next := d - n*step
	switch {
	case n == 0:
		return "a few seconds", 0 // whoever waits ends the wait
	case unit == "second":
		n *= 10
	case n == 1:
		return "1 minute", next
	}
	return fmt.Sprintf("%d %ss", n, unit), next
}
