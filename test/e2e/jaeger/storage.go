// Stands for Jaeger's extension jaeger_storage, in its package, and gives out Jaeger's storage in memory alone: the clients of Elasticsearch and
// of other databases are most of what there is to compile.
package jaegerstorage

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/jaegertracing/jaeger/internal/storage/v1"
	memoryconfig "github.com/jaegertracing/jaeger/internal/storage/v1/memory"
	"github.com/jaegertracing/jaeger/internal/storage/v2/api/tracestore"
	"github.com/jaegertracing/jaeger/internal/storage/v2/memory"
	"github.com/jaegertracing/jaeger/internal/telemetry"
)

var (
	componentType = component.MustNewType("jaeger_storage")
	// ID is what the query extension depends on.
	ID = component.NewID(componentType)
)

// Backend is a storage by its kind; there is one.
type Backend struct {
	Memory memoryconfig.Configuration `mapstructure:"memory"`
}

// Config has storages by their names, as Jaeger's own.
type Config struct {
	Backends map[string]Backend `mapstructure:"backends"`
}

type storages struct {
	config  *Config
	telset  component.TelemetrySettings
	byNames map[string]tracestore.Factory
}

func (s *storages) Start(_ context.Context, host component.Host) error {
	for name, backend := range s.config.Backends {
		made, err := memory.NewFactory(backend.Memory, telemetry.FromOtelComponent(s.telset, host))
		if err != nil {
			return err
		}
		s.byNames[name] = made
	}
	return nil
}

func (*storages) Shutdown(context.Context) error { return nil }

// NewFactory is the extension's.
func NewFactory() extension.Factory {
	create := func(_ context.Context, set extension.Settings, config component.Config) (extension.Extension, error) {
		return &storages{config.(*Config), set.TelemetrySettings, map[string]tracestore.Factory{}}, nil
	}
	return extension.NewFactory(componentType, func() component.Config { return &Config{} }, create, component.StabilityLevelBeta)
}

// GetTraceStoreFactory finds a storage by its name.
func GetTraceStoreFactory(name string, host component.Host) (tracestore.Factory, error) {
	if found, ok := host.GetExtensions()[ID].(*storages); ok {
		if made, ok := found.byNames[name]; ok {
			return made, nil
		}
	}
	return nil, fmt.Errorf("no storage %q", name)
}

// GetMetricStorageFactory finds none: metrics are not kept.
func GetMetricStorageFactory(string, component.Host) (storage.MetricStoreFactory, error) {
	return nil, errors.New("no storage of metrics")
}
