// Command query asks a PostgreSQL door what Grafana would ask for each panel of a dashboard and each alert rule, by
// the driver that Grafana uses (pgx, simple protocol) and into Grafana's own data frames.
//
//	query -from T -to T [-var NAME=VALUE]... URL FILE...
//
// FILE is a classic dashboard (.json) or a file of alert rules (.yaml). Prints one JSON object a query:
// {"file","panel","title","type","ref","error","fields":[{"name","type","labels"}],"rows":[[...]]}.
// Exits 1 if any query failed or gave what its panel cannot draw, 2 if it could not begin.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

const timeout = 30 * time.Second

// Asked is one query and what came of it.
type Asked struct {
	File   string  `json:"file"`
	Panel  int     `json:"panel"`
	Title  string  `json:"title"`
	Type   string  `json:"type"`
	Ref    string  `json:"ref"`
	Error  string  `json:"error,omitempty"`
	Fields []Field `json:"fields"`
	Rows   [][]any `json:"rows"`
	frame  *data.Frame
}

// Field is one column of a frame.
type Field struct {
	Name   string            `json:"name"`
	Type   string            `json:"type"`
	Labels map[string]string `json:"labels,omitempty"`
}

func main() {
	span := Span{Step: time.Minute}
	chosen := map[string]string{}
	flags := flag.NewFlagSet("query", flag.ExitOnError)
	flags.Func("from", "begin of the time range, RFC 3339", moment(&span.From))
	flags.Func("to", "end of the time range, RFC 3339", moment(&span.To))
	flags.Func("var", "NAME=VALUE of a variable", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		chosen[name] = value
		if !ok {
			return errors.New("want NAME=VALUE")
		}
		return nil
	})
	_ = flags.Parse(os.Args[1:])
	if flags.NArg() < 2 || !span.From.Before(span.To) {
		fmt.Fprintln(os.Stderr, "query: want -from, -to, a URL and at least one file")
		os.Exit(2)
	}
	ctx := context.Background()
	door, err := Open(ctx, flags.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "query:", err)
		os.Exit(2)
	}
	defer door.Close()
	failed := 0
	for _, path := range flags.Args()[1:] {
		asked, err := ask(ctx, door, path, span, chosen)
		if err != nil {
			fmt.Fprintln(os.Stderr, "query:", err)
			os.Exit(2)
		}
		for _, a := range asked {
			if a.Error != "" {
				failed++
			}
			_ = json.NewEncoder(os.Stdout).Encode(a)
		}
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func moment(at *time.Time) func(string) error {
	return func(text string) (err error) {
		*at, err = time.Parse(time.RFC3339, text)
		return err
	}
}

func ask(ctx context.Context, door *Door, path string, span Span, chosen map[string]string) ([]Asked, error) {
	if strings.HasSuffix(path, ".yaml") {
		return askRules(ctx, door, path, span)
	}
	board, err := LoadBoard(path)
	if err != nil {
		return nil, err
	}
	var all []Asked
	values := map[string][]string{}
	for _, v := range board.Templating.List {
		offered := v.Offered()
		if v.Type == "query" {
			a := run(ctx, door, v.Query, "table", span)
			a.File, a.Title, a.Type = path, v.Name, "variable"
			offered = firstColumn(a.frame)
			all = append(all, a)
		}
		values[v.Name] = v.Choose(chosen[v.Name], offered)
	}
	for _, p := range board.Flat() {
		var frames []*data.Frame
		for _, t := range p.Targets {
			a := run(ctx, door, Fill(t.RawSQL, values), t.Format, span)
			a.File, a.Panel, a.Title, a.Type, a.Ref = path, p.ID, p.Title, p.Type, t.RefID
			if a.frame != nil && a.frame.Rows() > 0 {
				frames = append(frames, a.frame)
			}
			all = append(all, a)
		}
		if err := drawable(p.Type, frames); err != nil {
			all[len(all)-1].Error = err.Error()
		}
	}
	return all, nil
}

func askRules(ctx context.Context, door *Door, path string, span Span) ([]Asked, error) {
	rules, err := LoadRules(path)
	if err != nil {
		return nil, err
	}
	var all []Asked
	for i, rule := range rules {
		for _, t := range rule.Targets() {
			within := span
			within.From = span.To.Add(-time.Duration(t.Back) * time.Second)
			a := run(ctx, door, t.SQL, t.Format, within)
			a.File, a.Panel, a.Title, a.Type, a.Ref = path, i+1, rule.Title, "rule", t.Ref
			if t.Format != "time_series" {
				a.Error = "an alert rule takes the format time_series only"
			}
			all = append(all, a)
		}
	}
	return all, nil
}

func run(ctx context.Context, door *Door, sql, format string, span Span) Asked {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a := Asked{Fields: []Field{}, Rows: [][]any{}}
	expanded, err := Expand(sql, span)
	if err == nil {
		a.frame, err = door.Frame(ctx, expanded)
	}
	if err == nil && a.frame.Rows() > 0 && format != "table" {
		err = Series(a.frame)
	}
	if err != nil {
		a.Error = fmt.Sprintf("%v\n%s", err, expanded)
		return a
	}
	for _, f := range a.frame.Fields {
		a.Fields = append(a.Fields, Field{f.Name, f.Type().ItemTypeString(), f.Labels})
	}
	for i := range a.frame.Rows() {
		row := a.frame.RowCopy(i)
		a.Rows = append(a.Rows, row)
	}
	return a
}

// drawable says what the frames of a panel lack for being drawn.
func drawable(kind string, frames []*data.Frame) error {
	if kind != "nodeGraph" || len(frames) == 0 {
		return nil
	}
	var nodes []string
	for _, f := range frames {
		if source, _ := f.FieldByName("source"); source == nil {
			nodes = append(nodes, firstColumn(f)...)
		}
	}
	for _, f := range frames {
		for _, end := range []string{"source", "target"} {
			field, _ := f.FieldByName(end)
			if field == nil {
				continue
			}
			for i := range field.Len() {
				if name := text(field, i); !slices.Contains(nodes, name) {
					return fmt.Errorf("an edge ends at %q, which is no node: Grafana breaks on it", name)
				}
			}
		}
	}
	return nil
}

func firstColumn(frame *data.Frame) (list []string) {
	if frame == nil || len(frame.Fields) == 0 {
		return nil
	}
	for i := range frame.Rows() {
		list = append(list, text(frame.Fields[0], i))
	}
	return list
}

func text(field *data.Field, row int) string {
	value, ok := field.ConcreteAt(row)
	if !ok {
		return ""
	}
	return fmt.Sprint(value)
}
