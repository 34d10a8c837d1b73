-- SPDX-License-Identifier: MIT
-- Wireshark's dissector of echod-protocol(7): messages, invalid sizes, and which echo belongs to which
-- message, with the time between them. It is used for TCP port 8007; for another one, set the
-- preference echod.port or "Decode As".

local HEADER_SIZE = 8
local MAX_PAYLOAD = 1016
local V1_PREFIX = "PROXY "
local V2_SIGNATURE = "0d0a0d0a000d0a515549540a"

local echod = Proto("echod", "echod protocol")

local f = {
    type = ProtoField.uint32("echod.type", "Type", base.HEX),
    size = ProtoField.uint32("echod.size", "Size", base.DEC),
    payload = ProtoField.bytes("echod.payload", "Payload"),
    is_echo = ProtoField.bool("echod.is_echo", "Echo"),
    message = ProtoField.uint32("echod.message", "Message of the connection", base.DEC),
    echo_in = ProtoField.framenum("echod.echo_in", "Echo in", base.NONE, frametype.RESPONSE),
    echo_of = ProtoField.framenum("echod.echo_of", "Echo of", base.NONE, frametype.REQUEST),
    time = ProtoField.double("echod.time", "Time to the echo in seconds"),
    proxy = ProtoField.bytes("echod.proxy_header", "PROXY header"),
    rest = ProtoField.bytes("echod.rest", "Bytes behind an invalid header"),
}
echod.fields = f

local e = {
    invalid = ProtoExpert.new("echod.size.invalid", "Size above 1016", expert.group.MALFORMED,
                              expert.severity.ERROR),
    differs = ProtoExpert.new("echod.echo.differs", "The echo differs from its message",
                              expert.group.SEQUENCE, expert.severity.ERROR),
    unasked = ProtoExpert.new("echod.echo.unasked", "Echo without a message in this capture",
                              expert.group.SEQUENCE, expert.severity.WARN),
}
echod.experts = e

echod.prefs.port = Pref.range("TCP ports", "8007", "The ports on which echod listens", 65535)

local stream_field = Field.new("tcp.stream")

-- By tcp.stream: the messages of both directions so far. `place` identifies a message in a frame, so
-- that a frame that is shown again finds what was noted when it was read first.
local streams = {}
local noted = {}

function echod.init()
    streams = {}
    noted = {}
end

local function stream_of(number, pinfo)
    local stream = streams[number]
    if stream == nil then
        -- The server only ever answers, so its peer sends the first byte.
        stream = { client = tostring(pinfo.src) .. ":" .. pinfo.src_port, sent = {}, messages = 0,
                   echoes = 0, begun = false, broken = {} }
        streams[number] = stream
    end
    return stream
end

-- Notes a message when its frame is read first.
local function note(stream, place, is_echo, whole, pinfo)
    local entry = { is_echo = is_echo, frame = pinfo.number, time = pinfo.abs_ts }
    if not is_echo then
        stream.messages = stream.messages + 1
        entry.index = stream.messages
        entry.bytes = whole:raw()
        stream.sent[entry.index] = entry
    else
        stream.echoes = stream.echoes + 1
        entry.index = stream.echoes
        local message = stream.sent[entry.index]
        if message ~= nil then
            entry.message = message
            entry.differs = message.bytes ~= whole:raw()
            message.echo = entry
            message.bytes = nil
            stream.sent[entry.index] = nil
        end
    end
    noted[place] = entry
end

-- Length of the PROXY header at `offset`; 0: there is none; nil: it is not complete.
local function proxy_length(tvb, offset)
    local left = tvb:len() - offset
    local text = tvb(offset, math.min(left, 107)):raw()
    if text:sub(1, #V1_PREFIX) == V1_PREFIX:sub(1, left) then
        local _, last = text:find("\r\n", 1, true)
        return last
    end
    local front = tostring(tvb(offset, math.min(left, 12)):bytes()):lower()
    if front == V2_SIGNATURE:sub(1, #front) then
        local length = left >= 16 and 16 + tvb(offset + 14, 2):uint() or nil
        return length and length <= left and length or nil
    end
    return 0
end

local function show(tree, tvb, offset, size, entry)
    local whole = tvb(offset, HEADER_SIZE + size)
    local title = entry and entry.is_echo and "Echo" or "Message"
    local item = tree:add(echod, whole, title .. ", " .. size .. " bytes of payload")
    item:add(f.type, tvb(offset, 4))
    item:add(f.size, tvb(offset + 4, 4))
    if size > 0 then
        item:add(f.payload, tvb(offset + HEADER_SIZE, size))
    end
    if entry == nil then
        return
    end
    item:add(f.is_echo, entry.is_echo):set_generated()
    item:add(f.message, entry.index):set_generated()
    if entry.is_echo and entry.message == nil then
        item:add_proto_expert_info(e.unasked)
    elseif entry.is_echo then
        item:add(f.echo_of, entry.message.frame):set_generated()
        item:add(f.time, entry.time - entry.message.time):set_generated()
        if entry.differs then
            item:add_proto_expert_info(e.differs)
        end
    elseif entry.echo ~= nil then
        item:add(f.echo_in, entry.echo.frame):set_generated()
        item:add(f.time, entry.echo.time - entry.time):set_generated()
    end
end

local function show_invalid(tree, tvb, offset, size)
    local item = tree:add(echod, tvb(offset), "Invalid header, size " .. size)
    item:add(f.type, tvb(offset, 4))
    item:add(f.size, tvb(offset + 4, 4)):add_proto_expert_info(e.invalid)
    if tvb:len() > offset + HEADER_SIZE then
        item:add(f.rest, tvb(offset + HEADER_SIZE))
    end
end

local function wait_for(pinfo, offset, count)
    pinfo.desegment_offset = offset
    pinfo.desegment_len = count
end

local function place_of(pinfo, tvb, offset)
    return table.concat({ pinfo.number, tvb:offset(), tvb:len(), offset }, ":")
end

-- Shows the PROXY header that a client begins with. Returns where the messages begin; nil: more bytes
-- are needed.
local function skip_proxy_header(stream, place, tvb, pinfo, tree)
    if not pinfo.visited and not stream.begun then
        local length = proxy_length(tvb, 0)
        if length == nil then
            wait_for(pinfo, 0, DESEGMENT_ONE_MORE_SEGMENT)
            return nil
        end
        stream.begun = true
        stream.proxy = length > 0 and { place = place, length = length } or nil
    end
    if stream.proxy ~= nil and stream.proxy.place == place then
        tree:add(f.proxy, tvb(0, stream.proxy.length))
        return stream.proxy.length
    end
    return 0
end

function echod.dissector(tvb, pinfo, root)
    pinfo.cols.protocol = "ECHOD"
    local stream = stream_of(stream_field().value, pinfo)
    local sender = tostring(pinfo.src) .. ":" .. pinfo.src_port
    local is_echo = sender ~= stream.client
    local tree = root:add(echod, tvb())
    local offset = 0
    if not is_echo then
        offset = skip_proxy_header(stream, place_of(pinfo, tvb, 0), tvb, pinfo, tree)
        if offset == nil then
            return
        end
    end
    local broken = stream.broken[sender]
    local count = 0
    while offset < tvb:len() do
        local left = tvb:len() - offset
        local place = place_of(pinfo, tvb, offset)
        if broken ~= nil and broken ~= place and not noted[place] then
            tree:add(f.rest, tvb(offset))
            break
        end
        if left < HEADER_SIZE then
            wait_for(pinfo, offset, DESEGMENT_ONE_MORE_SEGMENT)
            return
        end
        local size = tvb(offset + 4, 4):uint()
        if size > MAX_PAYLOAD then
            stream.broken[sender] = stream.broken[sender] or place
            show_invalid(tree, tvb, offset, size)
            pinfo.cols.info = "Invalid header, size " .. size
            return
        end
        if left < HEADER_SIZE + size then
            wait_for(pinfo, offset, HEADER_SIZE + size - left)
            return
        end
        if not pinfo.visited and not noted[place] then
            note(stream, place, is_echo, tvb(offset, HEADER_SIZE + size), pinfo)
        end
        show(tree, tvb, offset, size, noted[place])
        offset = offset + HEADER_SIZE + size
        count = count + 1
    end
    pinfo.cols.info = (is_echo and "Echo" or "Message") .. (count == 1 and "" or " x " .. count)
end

local tcp_ports = DissectorTable.get("tcp.port")
local registered = nil

function echod.prefs_changed()
    if registered ~= nil then
        tcp_ports:remove(registered, echod)
    end
    registered = echod.prefs.port
    tcp_ports:add(registered, echod)
end

registered = echod.prefs.port
tcp_ports:add(registered, echod)
