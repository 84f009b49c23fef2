package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Door is a pool of connections, as a Grafana data source holds one.
type Door struct{ pool *pgxpool.Pool }

// Open connects and pings: what "Save & test" does.
func Open(ctx context.Context, url string) (*Door, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("ping: %w", err)
	}
	return &Door{pool}, nil
}

// Close ends all connections.
func (d *Door) Close() { d.pool.Close() }

// Span is a panel's time range and the value of $__interval.
type Span struct {
	From, To time.Time
	Step     time.Duration
}

// Expand puts times in the place of the data source's macros, with its TimescaleDB switch on.
func Expand(sql string, span Span) (string, error) {
	quote := func(t time.Time) string { return "'" + t.UTC().Format(time.RFC3339Nano) + "'" }
	from, to := quote(span.From), quote(span.To)
	sql = strings.NewReplacer("$__interval_ms", strconv.FormatInt(span.Step.Milliseconds(), 10), "$__interval", "1m",
		"$__timeFrom()", from, "$__timeTo()", to).Replace(sql)
	for {
		begin := strings.Index(sql, "$__")
		if begin < 0 {
			return sql, nil
		}
		// As in Grafana, the first closing parenthesis ends the call.
		name, rest, called := strings.Cut(sql[begin+3:], "(")
		inside, after, closed := strings.Cut(rest, ")")
		if !called || !closed {
			return sql, fmt.Errorf("a macro call is not closed: %.40s", sql[begin:])
		}
		column, step, _ := strings.Cut(inside, ",")
		var text string
		switch name {
		case "timeFilter":
			text = column + " BETWEEN " + from + " AND " + to
		case "timeGroup", "timeGroupAlias":
			every, err := time.ParseDuration(strings.Trim(step, " '"))
			if err != nil {
				return sql, fmt.Errorf("$__%s: %w", name, err)
			}
			text = fmt.Sprintf("time_bucket('%.3fs',%s)", every.Seconds(), column)
			if name == "timeGroupAlias" {
				text += ` AS "time"`
			}
		default:
			return sql, fmt.Errorf("$__%s is no macro of the data source", name)
		}
		sql = sql[:begin] + text + after
	}
}

type fieldKind struct {
	kind data.FieldType
	read func(m *pgtype.Map, oid uint32, format int16, raw []byte) (any, error)
}

func as[T any](m *pgtype.Map, oid uint32, format int16, raw []byte) (any, error) {
	var value *T
	err := m.Scan(oid, format, raw, &value)
	return value, err
}

// What the data source makes of each type; whatever is not here becomes text.
var kinds = map[uint32]fieldKind{
	pgtype.Int2OID:      {data.FieldTypeNullableInt16, as[int16]},
	pgtype.Int4OID:      {data.FieldTypeNullableInt32, as[int32]},
	pgtype.Int8OID:      {data.FieldTypeNullableInt64, as[int64]},
	pgtype.Float4OID:    {data.FieldTypeNullableFloat64, as[float64]},
	pgtype.Float8OID:    {data.FieldTypeNullableFloat64, as[float64]},
	pgtype.NumericOID:   {data.FieldTypeNullableFloat64, as[float64]},
	pgtype.BoolOID:      {data.FieldTypeNullableBool, as[bool]},
	pgtype.TimestampOID: {data.FieldTypeNullableTime, as[time.Time]},
}

func kindOf(oid uint32) fieldKind {
	if known, ok := kinds[oid]; ok {
		return known
	}
	return fieldKind{data.FieldTypeNullableString, as[string]}
}

// Frame sends one text by the simple protocol and makes a frame of its only result. The driver tells columns with the
// first row, so no rows make a frame without fields, as in Grafana.
func (d *Door) Frame(ctx context.Context, sql string) (*data.Frame, error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	results, err := conn.Conn().PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 {
		return nil, fmt.Errorf("%d results instead of one", len(results))
	}
	if tag := results[0].CommandTag.String(); tag != fmt.Sprintf("SELECT %d", len(results[0].Rows)) {
		return nil, fmt.Errorf("the tag says %q for %d rows", tag, len(results[0].Rows))
	}
	return toFrame(results[0])
}

func toFrame(result *pgconn.Result) (*data.Frame, error) {
	types := pgtype.NewMap()
	frame := data.NewFrame("")
	for _, column := range result.FieldDescriptions {
		field := data.NewFieldFromFieldType(kindOf(column.DataTypeOID).kind, len(result.Rows))
		field.Name = column.Name
		frame.Fields = append(frame.Fields, field)
	}
	for i, row := range result.Rows {
		for j, raw := range row {
			if raw == nil {
				continue
			}
			column := result.FieldDescriptions[j]
			value, err := kindOf(column.DataTypeOID).read(types, column.DataTypeOID, column.Format, raw)
			if err != nil {
				return nil, fmt.Errorf("column %s: %w", column.Name, err)
			}
			frame.Set(j, i, value)
		}
	}
	return frame, nil
}

// Series checks and turns a frame into time series: one number column for each label set.
func Series(frame *data.Frame) error {
	if at, _ := frame.FieldByName("time"); at == nil || at.Type() != data.FieldTypeNullableTime {
		return errors.New("time_series format without a column `time` of a time type")
	}
	if frame.TimeSeriesSchema().Type != data.TimeSeriesTypeLong {
		if frame.TimeSeriesSchema().Type == data.TimeSeriesTypeNot {
			return errors.New("no time series: a time and at least one number are needed")
		}
		return nil
	}
	wide, err := data.LongToWide(frame, nil)
	if err != nil {
		return err
	}
	*frame = *wide
	return nil
}
