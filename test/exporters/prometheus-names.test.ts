import { describe, expect, it } from 'vitest';
import { familyName, type FamilyKind, labelName, targetInfoName } from '../../src/exporters/prometheus/names.ts';

const nameOf = (name: string, unit: string, kind: FamilyKind | 'updown', more: { namespace?: string; suffixes?: boolean } = {}) =>
  familyName(
    { name, unit, kind: kind === 'updown' ? 'gauge' : kind, isGauge: kind === 'gauge' },
    { namespace: more.namespace ?? '', suffixes: more.suffixes ?? true },
  );

describe('names of families', () => {
  it.each([
    ['ringtail.network.io', 'By', 'counter', 'ringtail_network_io_bytes_total'],
    ['ringtail.session.count', '{session}', 'updown', 'ringtail_session_count'],
    ['ringtail.session.opened', '{session}', 'counter', 'ringtail_session_opened_total'],
    ['ringtail.session.duration', 's', 'histogram', 'ringtail_session_duration_seconds'],
    ['ringtail.process.exec.count', '', 'counter', 'ringtail_process_exec_count_total'],
    ['io', 'By/s', 'gauge', 'io_bytes_per_second'],
    ['io', '{request}/s', 'gauge', 'io_per_second'],
    ['io', 'm/{x}', 'gauge', 'io_meters'],
    ['io', '1/s', 'gauge', 'io_per_second'],
    ['cpu.utilization', '1', 'gauge', 'cpu_utilization_ratio'],
    ['cpu.ratio', '1', 'gauge', 'cpu_ratio'],
    ['cpu.utilization', '1', 'updown', 'cpu_utilization'],
    ['cpu.utilization', '1', 'counter', 'cpu_utilization_total'],
    ['total.things', '', 'counter', 'things_total'],
    ['memory.bytes', 'By', 'gauge', 'memory_bytes'],
    ['bytes.of.memory', 'By', 'gauge', 'bytes_of_memory'],
    ['temperature', 'Cel', 'gauge', 'temperature_celsius'],
    ['share', '%', 'gauge', 'share_percent'],
    ['odd', 'lightyear', 'gauge', 'odd_lightyear'],
    ['odd', 'a b/c d', 'gauge', 'odd_a_b_per_c_d'],
    ['odd', '/s', 'gauge', 'odd_per_second'],
    ['odd', 'By/', 'gauge', 'odd_bytes'],
    ['odd', ' s ', 'gauge', 'odd_seconds'],
    ['9lives', '', 'gauge', '_9lives'],
    ['a..b__c--d', '', 'gauge', 'a_b_c_d'],
    ['größe.ω', '', 'gauge', 'gr_e'],
    ['keep:colons', '', 'gauge', 'keep:colons'],
    ['.lead.and.trail.', '', 'gauge', 'lead_and_trail'],
  ] as const)('%s in %s, a %s: %s', (name, unit, kind, wanted) => expect(nameOf(name, unit, kind)).toBe(wanted));

  it.each([
    ['ringtail.network.io', 'By', 'counter', 'ringtail_network_io'],
    ['a__b..c', 's', 'gauge', 'a__b_c'],
    ['9lives', '', 'gauge', '_9lives'],
  ] as const)('without suffixes: %s', (name, unit, kind, wanted) => expect(nameOf(name, unit, kind, { suffixes: false })).toBe(wanted));

  it.each([
    ['edge', true, 'edge_io_bytes_total'],
    ['two words', true, 'two_words_io_bytes_total'],
    ['9', true, '_9_io_bytes_total'],
    ['edge', false, 'edge_io'],
  ] as const)('with the namespace %s', (namespace, suffixes, wanted) => expect(nameOf('io', 'By', 'counter', { namespace, suffixes })).toBe(wanted)); // prettier-ignore

  it.each(['', '...', 'ж'])('nothing is left of %j', (name) => expect(nameOf(name, '', 'gauge')).toBeUndefined());
});

it.each([
  ['network.transport', 'network_transport'],
  ['a.b', 'a_b'],
  ['a__b', 'a_b'],
  ['_a', 'key_a'],
  ['1st', 'key_1st'],
  ['ключ', 'key_'],
  ['x-ß-y', 'x_y'],
  ['__name__', '__name__'],
  ['container.label.app.kubernetes.io/name', 'container_label_app_kubernetes_io_name'],
])('the label of %s is %s', (attribute, wanted) => expect(labelName(attribute)).toBe(wanted));

it.each(['', '____'])('nothing is left of the label %j', (attribute) => expect(labelName(attribute)).toBeUndefined());

it('tells resources by a name of the namespace', () => {
  expect([targetInfoName(''), targetInfoName('my-edge')]).toEqual(['target_info', 'my_edge_target_info']);
});
