/** Between the log of the double and the messages of EventStoreDB's protocol, as its client carries them. */
import gossip from '@eventstore/db-client/generated/gossip_pb.js'
import features from '@eventstore/db-client/generated/serverfeatures_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import status from '@eventstore/db-client/generated/status_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import anyPb from 'google-protobuf/google/protobuf/any_pb.js'
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js'
import type { Entry, ExpectedRevision, Proposed, Verdict } from './log.ts'

/** What stands for a position that is not given. */
const NO_POSITION = (2n ** 64n - 1n).toString()

export function nameOf(identifier: shared.StreamIdentifier | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8')
}

function identifierOf(stream: string): shared.StreamIdentifier {
  const identifier = new shared.StreamIdentifier()
  identifier.setStreamName(Buffer.from(stream, 'utf8'))
  return identifier
}

export function proposed(
  message: streams.AppendReq.ProposedMessage | streams.BatchAppendReq.ProposedMessage,
): Proposed {
  const metadata = message.getMetadataMap()
  return {
    id: message.getId()?.getString() ?? '',
    type: metadata.get('type') ?? '',
    isJson: metadata.get('content-type') === 'application/json',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  }
}

export function expectedOfAppend(options: streams.AppendReq.Options): ExpectedRevision {
  if (options.hasNoStream()) return -1n
  if (options.hasRevision()) return BigInt(options.getRevision())
  return options.hasStreamExists() ? 'exists' : 'any'
}

export function expectedOfBatch(options: streams.BatchAppendReq.Options): ExpectedRevision {
  if (options.hasNoStream()) return -1n
  if (options.hasStreamPosition()) return BigInt(options.getStreamPosition())
  return options.hasStreamExists() ? 'exists' : 'any'
}

export function readEvent(entry: Entry, { positionless = false } = {}): streams.ReadResp {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
  const id = new shared.UUID()
  id.setString(entry.id)
  recorded.setId(id)
  recorded.setStreamIdentifier(identifierOf(entry.stream))
  recorded.setStreamRevision(entry.revision.toString())
  recorded.setCommitPosition(positionless ? NO_POSITION : entry.position.toString())
  recorded.setPreparePosition(positionless ? NO_POSITION : entry.position.toString())
  const metadata = recorded.getMetadataMap()
  metadata.set('type', entry.type)
  metadata.set('created', entry.created.toString())
  metadata.set('content-type', entry.isJson ? 'application/json' : 'application/octet-stream')
  recorded.setData(entry.data)
  recorded.setCustomMetadata(entry.metadata)
  const event = new streams.ReadResp.ReadEvent()
  event.setEvent(recorded)
  if (positionless) event.setNoPosition(new shared.Empty())
  else event.setCommitPosition(entry.position.toString())
  const response = new streams.ReadResp()
  response.setEvent(event)
  return response
}

export function streamNotFound(stream: string): streams.ReadResp {
  const missing = new streams.ReadResp.StreamNotFound()
  missing.setStreamIdentifier(identifierOf(stream))
  const response = new streams.ReadResp()
  response.setStreamNotFound(missing)
  return response
}

export function confirmation(id: string): streams.ReadResp {
  const confirmed = new streams.ReadResp.SubscriptionConfirmation()
  confirmed.setSubscriptionId(id)
  const response = new streams.ReadResp()
  response.setConfirmation(confirmed)
  return response
}

export function checkpoint(position: bigint): streams.ReadResp {
  const reached = new streams.ReadResp.Checkpoint()
  reached.setCommitPosition(position.toString())
  reached.setPreparePosition(position.toString())
  const response = new streams.ReadResp()
  response.setCheckpoint(reached)
  return response
}

export function caughtUp(): streams.ReadResp {
  const response = new streams.ReadResp()
  response.setCaughtUp(new streams.ReadResp.CaughtUp())
  return response
}

export function appendAnswer(expected: ExpectedRevision, verdict: Verdict): streams.AppendResp {
  const response = new streams.AppendResp()
  if (verdict.outcome === 'wrong') {
    const wrong = new streams.AppendResp.WrongExpectedVersion()
    if (verdict.revision < 0n) wrong.setCurrentNoStream(new shared.Empty())
    else wrong.setCurrentRevision(verdict.revision.toString())
    if (expected === -1n) wrong.setExpectedNoStream(new shared.Empty())
    else if (expected === 'exists') wrong.setExpectedStreamExists(new shared.Empty())
    else if (expected === 'any') wrong.setExpectedAny(new shared.Empty())
    else wrong.setExpectedRevision(expected.toString())
    response.setWrongExpectedVersion(wrong)
    return response
  }
  const success = new streams.AppendResp.Success()
  success.setCurrentRevision(verdict.revision.toString())
  const position = new streams.AppendResp.Position()
  position.setCommitPosition(verdict.position.toString())
  position.setPreparePosition(verdict.position.toString())
  success.setPosition(position)
  response.setSuccess(success)
  return response
}

export function batchAnswer(
  correlation: shared.UUID | undefined,
  stream: string,
  expected: ExpectedRevision,
  verdict: Verdict,
): streams.BatchAppendResp {
  const response = new streams.BatchAppendResp()
  response.setCorrelationId(correlation)
  response.setStreamIdentifier(identifierOf(stream))
  if (verdict.outcome === 'wrong') {
    response.setError(wrongExpectedVersion(expected, verdict.revision))
    return response
  }
  const success = new streams.BatchAppendResp.Success()
  success.setCurrentRevision(verdict.revision.toString())
  const position = new shared.AllStreamPosition()
  position.setCommitPosition(verdict.position.toString())
  position.setPreparePosition(verdict.position.toString())
  success.setPosition(position)
  response.setSuccess(success)
  return response
}

function wrongExpectedVersion(expected: ExpectedRevision, current: bigint): status.Status {
  const wrong = new shared.WrongExpectedVersion()
  if (current < 0n) wrong.setCurrentNoStream(new emptyPb.Empty())
  else wrong.setCurrentStreamRevision(current.toString())
  if (expected === -1n) wrong.setExpectedNoStream(new emptyPb.Empty())
  else if (expected === 'exists') wrong.setExpectedStreamExists(new emptyPb.Empty())
  else if (expected === 'any') wrong.setExpectedAny(new emptyPb.Empty())
  else wrong.setExpectedStreamPosition(expected.toString())
  const details = new anyPb.Any()
  details.pack(wrong.serializeBinary(), 'event_store.client.WrongExpectedVersion')
  const error = new status.Status()
  error.setDetails(details)
  return error
}

/** One node, which leads. */
export function clusterOf(host: string, port: number): gossip.ClusterInfo {
  const endPoint = new gossip.EndPoint()
  endPoint.setAddress(host)
  endPoint.setPort(port)
  const member = new gossip.MemberInfo()
  member.setState(gossip.MemberInfo.VNodeState.LEADER)
  member.setIsAlive(true)
  member.setHttpEndPoint(endPoint)
  const cluster = new gossip.ClusterInfo()
  cluster.addMembers(member)
  return cluster
}

export function supportedMethods(): features.SupportedMethods {
  const methods = new features.SupportedMethods()
  methods.setEventStoreServerVersion('23.10.0')
  for (const name of ['read', 'append', 'batchappend']) {
    const method = new features.SupportedMethod()
    method.setServiceName('event_store.client.streams.Streams')
    method.setMethodName(name)
    methods.addMethods(method)
  }
  return methods
}
