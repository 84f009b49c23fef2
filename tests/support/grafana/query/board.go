package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Board is what of a classic dashboard decides which queries are sent.
type Board struct {
	Panels     []Panel
	Templating struct{ List []Variable }
}

// Panel is a panel; a collapsed row holds others.
type Panel struct {
	ID          int
	Type, Title string
	Targets     []Target
	Panels      []Panel
}

// Target is one query of a panel.
type Target struct{ RefID, RawSQL, Format string }

// Variable is a template variable of type query or custom.
type Variable struct {
	Name, Type, Query string
	IncludeAll        bool
	Current           struct{ Value any }
}

// LoadBoard reads a classic dashboard.
func LoadBoard(path string) (*Board, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	board := &Board{}
	if err := json.Unmarshal(raw, board); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(board.Panels) == 0 {
		return nil, fmt.Errorf("%s holds no panels", path)
	}
	return board, nil
}

// Flat gives the panels with those inside collapsed rows.
func (b *Board) Flat() (all []Panel) {
	for _, p := range b.Panels {
		all = append(append(all, p), p.Panels...)
	}
	return all
}

// Offered gives the values of a custom variable: "text : value, ...".
func (v Variable) Offered() (values []string) {
	for _, item := range strings.Split(v.Query, ",") {
		if _, value, named := strings.Cut(item, " : "); named {
			item = value
		}
		values = append(values, strings.TrimSpace(item))
	}
	return values
}

// Choose gives the values that a person sees first, unless one was chosen: all of them where the board says so.
func (v Variable) Choose(chosen string, offered []string) []string {
	switch {
	case chosen != "":
		return []string{chosen}
	case v.IncludeAll:
		return offered
	}
	if saved, ok := v.Current.Value.(string); ok {
		return []string{saved}
	}
	return offered[:min(1, len(offered))]
}

var variable = regexp.MustCompile(`\$\{(\w+):sqlstring\}|\$(\w+)\b`)

// Fill puts the values of variables into a query, as the browser does: `${name:sqlstring}` as quoted list, `$name` bare.
func Fill(sql string, values map[string][]string) string {
	return variable.ReplaceAllStringFunc(sql, func(found string) string {
		groups := variable.FindStringSubmatch(found)
		list, known := values[groups[1]+groups[2]]
		if !known {
			return found
		}
		if groups[1] == "" {
			return strings.Join(list, ",")
		}
		quoted := make([]string, len(list))
		for i, value := range list {
			quoted[i] = "'" + strings.ReplaceAll(value, "'", "''") + "'"
		}
		if len(quoted) == 0 {
			return "''"
		}
		return strings.Join(quoted, ",")
	})
}

// Rule is an alert rule.
type Rule struct {
	Title string
	Data  []struct {
		RefID             string             `yaml:"refId"`
		RelativeTimeRange struct{ From int } `yaml:"relativeTimeRange"`
		Model             struct {
			RawSQL string `yaml:"rawSql"`
			Format string
		}
	}
}

// RuleTarget is one query of an alert rule over the last Back seconds.
type RuleTarget struct {
	Ref, SQL, Format string
	Back             int
}

// LoadRules reads provisioned alert rules.
func LoadRules(path string) ([]Rule, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct{ Groups []struct{ Rules []Rule } }
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var rules []Rule
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) == 0 {
		return nil, fmt.Errorf("%s holds no rules", path)
	}
	return rules, nil
}

// Targets gives the rule's queries; expressions over them have no SQL.
func (r Rule) Targets() (targets []RuleTarget) {
	for _, d := range r.Data {
		if d.Model.RawSQL != "" {
			targets = append(targets, RuleTarget{d.RefID, d.Model.RawSQL, d.Model.Format, d.RelativeTimeRange.From})
		}
	}
	return targets
}
