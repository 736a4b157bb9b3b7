// flexmac_padded: flexmac_top with streams of a power of two of bytes and TKEEP, as width converters, FIFOs
// and DMA engines want them.
//
// The low bytes of a beat are those of flexmac_top. Input: the rest is ignored, and so is TKEEP, since every
// beat must hold all bytes that flexmac_top reads. Output: the rest is 0, and its TKEEP is 0.
//
//   s_axis_a_tdata, s_axis_b_tdata, s_axis_preload_tdata, s_axis_seed_tdata, m_axis_result_tdata
//                         as in flexmac_top, from bit 0
//
// Parameters: those of flexmac_top. Latency and throughput: those of flexmac_top.
`default_nettype none

module flexmac_padded #(
    parameter        ROWS             = 2,
    parameter        COLS             = 2,
    parameter        CHUNK            = 8,
    parameter        LANES            = 1,
    parameter        MAX_BITS         = 8,
    parameter        MAX_K            = 64,
    parameter        DEPTH            = 16,
    parameter        STAGES           = 2,
    parameter [3:0]  REGISTERS        = 4'b0100,
    parameter        FANOUT           = 0,
    parameter        ACC_WIDTH        = 24,
    parameter        SUM_WIDTH        = 48,
    parameter [3:0]  ROUNDING         = 4'b0111,
    parameter        RECIPROCAL       = 524288,
    parameter        RECIPROCAL_SHIFT = 19,
    // derived from those above: leave them as they are
    parameter        OPERAND_A_BYTES  = (ROWS * LANES * CHUNK + 7) / 8,
    parameter        OPERAND_B_BYTES  = (COLS * LANES * CHUNK + 7) / 8,
    parameter        PRELOAD_BYTES    = (SUM_WIDTH + 31) / 32 * 4 * COLS,
    parameter        RESULT_BYTES     = COLS * 4,
    parameter        STREAM_A_BYTES   = 1 << $clog2(OPERAND_A_BYTES),
    parameter        STREAM_B_BYTES   = 1 << $clog2(OPERAND_B_BYTES),
    parameter        STREAM_PRELOAD_BYTES = 1 << $clog2(PRELOAD_BYTES),
    parameter        STREAM_RESULT_BYTES  = 1 << $clog2(RESULT_BYTES)
) (
    input  wire aclk,
    input  wire aresetn,
    output wire irq,
    // registers
    input  wire [11:0] s_axil_awaddr,
    input  wire [2:0] s_axil_awprot,
    input  wire s_axil_awvalid,
    output wire s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [3:0] s_axil_wstrb,
    input  wire s_axil_wvalid,
    output wire s_axil_wready,
    output wire [1:0] s_axil_bresp,
    output wire s_axil_bvalid,
    input  wire s_axil_bready,
    input  wire [11:0] s_axil_araddr,
    input  wire [2:0] s_axil_arprot,
    input  wire s_axil_arvalid,
    output wire s_axil_arready,
    output wire [31:0] s_axil_rdata,
    output wire [1:0] s_axil_rresp,
    output wire s_axil_rvalid,
    input  wire s_axil_rready,
    // operand A
    input  wire [STREAM_A_BYTES*8-1:0] s_axis_a_tdata,
    input  wire [STREAM_A_BYTES-1:0] s_axis_a_tkeep,
    input  wire s_axis_a_tvalid,
    output wire s_axis_a_tready,
    input  wire s_axis_a_tlast,
    // operand B
    input  wire [STREAM_B_BYTES*8-1:0] s_axis_b_tdata,
    input  wire [STREAM_B_BYTES-1:0] s_axis_b_tkeep,
    input  wire s_axis_b_tvalid,
    output wire s_axis_b_tready,
    input  wire s_axis_b_tlast,
    // preload
    input  wire [STREAM_PRELOAD_BYTES*8-1:0] s_axis_preload_tdata,
    input  wire [STREAM_PRELOAD_BYTES-1:0] s_axis_preload_tkeep,
    input  wire s_axis_preload_tvalid,
    output wire s_axis_preload_tready,
    input  wire s_axis_preload_tlast,
    // seeds
    input  wire [STREAM_RESULT_BYTES*8-1:0] s_axis_seed_tdata,
    input  wire [STREAM_RESULT_BYTES-1:0] s_axis_seed_tkeep,
    input  wire s_axis_seed_tvalid,
    output wire s_axis_seed_tready,
    // results
    output wire [STREAM_RESULT_BYTES*8-1:0] m_axis_result_tdata,
    output wire [STREAM_RESULT_BYTES-1:0] m_axis_result_tkeep,
    output wire m_axis_result_tvalid,
    input  wire m_axis_result_tready,
    output wire m_axis_result_tlast
);

  localparam PADDING_BYTES = STREAM_RESULT_BYTES - RESULT_BYTES;

  wire [RESULT_BYTES*8-1:0] result_data;
  wire [RESULT_BYTES-1:0] result_keep = {RESULT_BYTES{1'b1}};

  generate
    if (PADDING_BYTES > 0) begin : gen_padding
      assign m_axis_result_tdata = {{(PADDING_BYTES * 8) {1'b0}}, result_data};
      assign m_axis_result_tkeep = {{PADDING_BYTES{1'b0}}, result_keep};
    end else begin : gen_whole
      assign m_axis_result_tdata = result_data;
      assign m_axis_result_tkeep = result_keep;
    end
  endgenerate

  wire unused = &{
    1'b0,
    s_axis_a_tkeep,
    s_axis_b_tkeep,
    s_axis_preload_tkeep,
    s_axis_seed_tkeep,
    s_axis_a_tdata,
    s_axis_b_tdata,
    s_axis_preload_tdata,
    s_axis_seed_tdata
  };

  flexmac_top #(
      .ROWS            (ROWS),
      .COLS            (COLS),
      .CHUNK           (CHUNK),
      .LANES           (LANES),
      .MAX_BITS        (MAX_BITS),
      .MAX_K           (MAX_K),
      .DEPTH           (DEPTH),
      .STAGES          (STAGES),
      .REGISTERS       (REGISTERS),
      .FANOUT          (FANOUT),
      .ACC_WIDTH       (ACC_WIDTH),
      .SUM_WIDTH       (SUM_WIDTH),
      .ROUNDING        (ROUNDING),
      .RECIPROCAL      (RECIPROCAL),
      .RECIPROCAL_SHIFT(RECIPROCAL_SHIFT)
  ) u_top (
      .aclk                 (aclk),
      .aresetn              (aresetn),
      .irq                  (irq),
      .s_axil_awaddr        (s_axil_awaddr),
      .s_axil_awprot        (s_axil_awprot),
      .s_axil_awvalid       (s_axil_awvalid),
      .s_axil_awready       (s_axil_awready),
      .s_axil_wdata         (s_axil_wdata),
      .s_axil_wstrb         (s_axil_wstrb),
      .s_axil_wvalid        (s_axil_wvalid),
      .s_axil_wready        (s_axil_wready),
      .s_axil_bresp         (s_axil_bresp),
      .s_axil_bvalid        (s_axil_bvalid),
      .s_axil_bready        (s_axil_bready),
      .s_axil_araddr        (s_axil_araddr),
      .s_axil_arprot        (s_axil_arprot),
      .s_axil_arvalid       (s_axil_arvalid),
      .s_axil_arready       (s_axil_arready),
      .s_axil_rdata         (s_axil_rdata),
      .s_axil_rresp         (s_axil_rresp),
      .s_axil_rvalid        (s_axil_rvalid),
      .s_axil_rready        (s_axil_rready),
      .s_axis_a_tdata       (s_axis_a_tdata[OPERAND_A_BYTES*8-1:0]),
      .s_axis_a_tvalid      (s_axis_a_tvalid),
      .s_axis_a_tready      (s_axis_a_tready),
      .s_axis_a_tlast       (s_axis_a_tlast),
      .s_axis_b_tdata       (s_axis_b_tdata[OPERAND_B_BYTES*8-1:0]),
      .s_axis_b_tvalid      (s_axis_b_tvalid),
      .s_axis_b_tready      (s_axis_b_tready),
      .s_axis_b_tlast       (s_axis_b_tlast),
      .s_axis_preload_tdata (s_axis_preload_tdata[PRELOAD_BYTES*8-1:0]),
      .s_axis_preload_tvalid(s_axis_preload_tvalid),
      .s_axis_preload_tready(s_axis_preload_tready),
      .s_axis_preload_tlast (s_axis_preload_tlast),
      .s_axis_seed_tdata    (s_axis_seed_tdata[RESULT_BYTES*8-1:0]),
      .s_axis_seed_tvalid   (s_axis_seed_tvalid),
      .s_axis_seed_tready   (s_axis_seed_tready),
      .m_axis_result_tdata  (result_data),
      .m_axis_result_tvalid (m_axis_result_tvalid),
      .m_axis_result_tready (m_axis_result_tready),
      .m_axis_result_tlast  (m_axis_result_tlast)
  );

endmodule

`default_nettype wire
