// Stands for Jaeger's choice among its older storages, which the query API only knows the result of.
package factory

import "github.com/jaegertracing/jaeger/internal/storage/v1/api/spanstore"

// ArchiveStorage is where traces would be put that are to stay.
type ArchiveStorage struct {
	Reader spanstore.Reader
	Writer spanstore.Writer
}
