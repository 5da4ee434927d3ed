package answers

// Lookup answers a question that was answered before, if nothing has changed since: now
// is in nanoseconds since 1970. Whatever is odd is no answer.
func Lookup(args, env []string, now int64) ([]byte, bool) {
	path := CacheDir(args, env)
	if path == "" {
		return nil, false
	}
	dir, ok := openRoot(path)
	if !ok {
		return nil, false
	}
	defer dir.close()
	e, ok := dir.entry(Key(args, env))
	if !ok || now < e.Written || now >= e.End {
		return nil, false
	}
	for _, f := range e.Files {
		if !f.same() {
			return nil, false
		}
	}
	return dir.answer(&e)
}

// entry reads the entry of a key.
func (d directory) entry(key string) (e Entry, ok bool) {
	sub, ok := d.sub("answers")
	if !ok {
		return e, false
	}
	defer sub.close()
	f, id, ok := sub.file(Name(key))
	if !ok {
		return e, false
	}
	defer f.close()
	if size := id[sizeAt]; size <= most {
		b := make([]byte, size)
		if e, ok = decode(b[:f.fill(b, 0)]); ok {
			return e, e.Key == key
		}
	}
	return e, false
}

// fill reads until b is full, from an offset, and returns how much there was.
func (f handle) fill(b []byte, at int64) (n int) {
	for n < len(b) {
		m, ok := f.read(b[n:], at+int64(n))
		if !ok {
			break
		}
		n += m
	}
	return n
}

// answer puts the answer together.
func (d directory) answer(e *Entry) (doc []byte, ok bool) {
	parts := make([]string, 0, 3)
	for rest := e.Token.Path; ; {
		i := 0
		for i < len(rest) && rest[i] != '/' {
			if rest[i] == '\\' || rest[i] == ':' { // which mean something on Windows
				return nil, false
			}
			i++
		}
		if i == 0 || rest[:i] == "." || rest[:i] == ".." || len(parts) == 3 {
			return nil, false
		}
		parts = append(parts, rest[:i])
		if i == len(rest) {
			break
		}
		rest = rest[i+1:]
	}
	if len(parts) != 3 {
		return nil, false
	}
	kind, ok := d.sub(parts[0])
	if !ok {
		return nil, false
	}
	defer kind.close()
	session, ok := kind.sub(parts[1])
	if !ok {
		return nil, false
	}
	defer session.close()
	f, id, ok := session.file(parts[2])
	if !ok {
		return nil, false
	}
	defer f.close()
	if id != e.Token.ID {
		return nil, false
	}
	for _, p := range e.Parts {
		doc = append(doc, p.Text...)
		if p.Len > 0 {
			at := len(doc)
			doc = append(doc, make([]byte, p.Len)...)
			if f.fill(doc[at:], p.At) != int(p.Len) {
				return nil, false
			}
		}
	}
	return doc, true
}
